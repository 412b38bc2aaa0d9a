//! The Modbus servers of the demo's field devices, on the loopback interface.

use super::model::Polder;
use super::registers::{self, Controller};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::Server;
use tokio_modbus::{ExceptionCode, Request, Response, SlaveRequest};

/// The polder, shared by those who serve it.
pub(super) type Shared = Arc<Mutex<Polder>>;

#[derive(Clone)]
struct Devices {
    polder: Shared,
    controller: Controller,
}

fn part<T: Clone>(all: Option<Vec<T>>, address: u16, count: u16, most: u16) -> Result<Vec<T>, ExceptionCode> {
    if count == 0 || count > most {
        return Err(ExceptionCode::IllegalDataValue);
    }
    let all = all.ok_or(ExceptionCode::GatewayTargetDevice)?;
    let (start, end) = (usize::from(address), usize::from(address) + usize::from(count));
    all.get(start..end).map(<[T]>::to_vec).ok_or(ExceptionCode::IllegalDataAddress)
}

impl Devices {
    fn handle(&self, unit: u8, request: Request<'_>) -> Result<Response, ExceptionCode> {
        let mut polder = self.polder.lock().map_err(|_| ExceptionCode::ServerDeviceFailure)?;
        let controller = self.controller;
        match request {
            Request::ReadCoils(address, count) => {
                part(registers::coils(&polder, controller, unit), address, count, 2000).map(Response::ReadCoils)
            }
            Request::ReadDiscreteInputs(address, count) => {
                part(registers::discretes(&polder, controller, unit), address, count, 2000)
                    .map(Response::ReadDiscreteInputs)
            }
            Request::ReadInputRegisters(address, count) => {
                part(registers::inputs(&polder, controller, unit), address, count, 125)
                    .map(Response::ReadInputRegisters)
            }
            Request::ReadHoldingRegisters(address, count) => {
                part(registers::holdings(&polder, controller, unit), address, count, 125)
                    .map(Response::ReadHoldingRegisters)
            }
            Request::WriteSingleCoil(address, on) => {
                registers::write_coil(&mut polder, controller, unit, address, on)?;
                Ok(Response::WriteSingleCoil(address, on))
            }
            Request::WriteSingleRegister(address, value) => {
                registers::write_holdings(&mut polder, controller, unit, address, &[value])?;
                Ok(Response::WriteSingleRegister(address, value))
            }
            Request::WriteMultipleRegisters(address, values) => {
                registers::write_holdings(&mut polder, controller, unit, address, &values)?;
                Ok(Response::WriteMultipleRegisters(address, values.len() as u16))
            }
            _ => Err(ExceptionCode::IllegalFunction),
        }
    }
}

impl Service for Devices {
    type Request = SlaveRequest<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = std::future::Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        std::future::ready(self.handle(request.slave, request.request))
    }
}

/// A server that can be cut off and put back.
pub(super) struct FieldServer {
    address: SocketAddr,
    devices: Devices,
    task: Option<JoinHandle<()>>,
}

impl FieldServer {
    /// Listens on a free port.
    pub(super) async fn start(polder: Shared, controller: Controller) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let devices = Devices { polder, controller };
        let task = Some(serve(listener, devices.clone()));
        Ok(Self { address, devices, task })
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The cable is pulled: connections break and new ones are refused.
    pub(super) fn cut(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }

    /// The cable is put back.
    pub(super) async fn restore(&mut self) -> std::io::Result<()> {
        if self.task.is_none() {
            let listener = TcpListener::bind(self.address).await?;
            self.task = Some(serve(listener, self.devices.clone()));
        }
        Ok(())
    }
}

fn serve(listener: TcpListener, devices: Devices) -> JoinHandle<()> {
    tokio::spawn(async move {
        let connected = move |stream: TcpStream, _| {
            let devices = devices.clone();
            async move { Ok(Some((devices, stream))) }
        };
        let server = Server::new(listener);
        if let Err(error) = server.serve(&connected, |error| tracing::debug!("demo device: {error}")).await {
            tracing::warn!("a demo device stopped: {error}");
        }
    })
}
