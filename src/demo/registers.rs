//! What the field devices show and take over Modbus.

use super::model::{Mode, PUMPS, Polder, Pump};
use tokio_modbus::ExceptionCode;

/// A programmable controller on its own address: those of the three basins, and that of the sluices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Controller {
    /// Units 1 to 3 are pumps, unit 10 is the basin.
    Basin(usize),
    /// Units 1 and 2 are sluices, unit 3 is the boezem, unit 4 a clock.
    Sluices,
    /// Units from 1 on are gauges along the dikes, where a storm is to come.
    Dikes,
}

/// Those that are always there, with the names of their connections.
pub(super) const CONTROLLERS: [(Controller, &str); 4] = [
    (Controller::Basin(0), "pumps-north"),
    (Controller::Basin(1), "pumps-middle"),
    (Controller::Basin(2), "pumps-south"),
    (Controller::Sluices, "sluices"),
];

fn float(registers: &mut [u16], address: usize, value: f64) {
    let bits = (value as f32).to_bits();
    registers[address] = (bits >> 16) as u16;
    registers[address + 1] = bits as u16;
}

/// Low word first, as many controllers do with counters.
fn counter(registers: &mut [u16], address: usize, value: u32) {
    registers[address] = value as u16;
    registers[address + 1] = (value >> 16) as u16;
}

fn pump_inputs(pump: &Pump) -> Vec<u16> {
    let mut registers = vec![0; 16];
    float(&mut registers, 0, pump.speed_rpm);
    float(&mut registers, 2, pump.flow_m3_s);
    float(&mut registers, 4, pump.power_kw);
    registers[6] = (pump.current_a / 250.0 * 27648.0).round().clamp(0.0, 65535.0) as u16;
    registers[7] = (pump.bearing_c * 10.0).round() as i16 as u16;
    float(&mut registers, 8, pump.head_m);
    counter(&mut registers, 10, pump.run_hours as u32);
    counter(&mut registers, 12, pump.starts);
    registers[14] = pump.state();
    registers
}

/// Input registers of a unit; `None` where there is no such unit.
pub(super) fn inputs(polder: &Polder, controller: Controller, unit: u8) -> Option<Vec<u16>> {
    let unit = usize::from(unit);
    match controller {
        Controller::Basin(number) if (1..=PUMPS).contains(&unit) => {
            Some(pump_inputs(&polder.basins[number].pumps[unit - 1]))
        }
        Controller::Basin(number) if unit == 10 => {
            let basin = &polder.basins[number];
            let mut registers = vec![0; 8];
            float(&mut registers, 0, basin.level_m);
            float(&mut registers, 2, basin.rate_m_h);
            float(&mut registers, 4, basin.inflow_m3_s);
            float(&mut registers, 6, basin.pumped_m3_s());
            Some(registers)
        }
        Controller::Sluices if (1..=2).contains(&unit) => {
            let sluice = &polder.sluices[unit - 1];
            let mut registers = vec![0; 4];
            float(&mut registers, 0, sluice.position);
            float(&mut registers, 2, sluice.flow_m3_s);
            Some(registers)
        }
        Controller::Sluices if unit == 3 => {
            let mut registers = vec![0; 2];
            float(&mut registers, 0, polder.boezem_m);
            Some(registers)
        }
        Controller::Sluices if unit == 4 => {
            let mut registers = vec![0; 2];
            counter(&mut registers, 0, (polder.seconds * 10.0) as u32);
            Some(registers)
        }
        Controller::Dikes => polder.storm?.levels(unit, polder.seconds),
        _ => None,
    }
}

/// Holding registers of a unit.
pub(super) fn holdings(polder: &Polder, controller: Controller, unit: u8) -> Option<Vec<u16>> {
    let unit = usize::from(unit);
    match controller {
        Controller::Basin(number) if (1..=PUMPS).contains(&unit) => {
            let pump = &polder.basins[number].pumps[unit - 1];
            let mut registers = vec![0; 3];
            float(&mut registers, 0, pump.setpoint_rpm);
            registers[2] = pump.mode.to_register();
            Some(registers)
        }
        Controller::Basin(number) if unit == 10 => {
            let mut registers = vec![0; 2];
            float(&mut registers, 0, polder.basins[number].target_m);
            Some(registers)
        }
        Controller::Sluices if (1..=2).contains(&unit) => Some(vec![polder.sluices[unit - 1].mode.to_register()]),
        _ => None,
    }
}

/// Coils of a unit: pumps have "run" and "reset".
pub(super) fn coils(polder: &Polder, controller: Controller, unit: u8) -> Option<Vec<bool>> {
    match controller {
        Controller::Basin(number) if (1..=PUMPS).contains(&usize::from(unit)) => {
            Some(vec![polder.basins[number].pumps[usize::from(unit) - 1].run, false])
        }
        _ => None,
    }
}

/// Discrete inputs of a unit: pumps have "running" and "tripped".
pub(super) fn discretes(polder: &Polder, controller: Controller, unit: u8) -> Option<Vec<bool>> {
    match controller {
        Controller::Basin(number) if (1..=PUMPS).contains(&usize::from(unit)) => {
            let pump = &polder.basins[number].pumps[usize::from(unit) - 1];
            Some(vec![pump.is_running(), pump.tripped])
        }
        _ => None,
    }
}

/// Writes one coil.
pub(super) fn write_coil(
    polder: &mut Polder,
    controller: Controller,
    unit: u8,
    address: u16,
    on: bool,
) -> Result<(), ExceptionCode> {
    let (Controller::Basin(number), 1..=3) = (controller, unit) else { return Err(ExceptionCode::IllegalDataAddress) };
    let pump = &mut polder.basins[number].pumps[usize::from(unit) - 1];
    match address {
        0 => pump.run = on,
        1 if on => Polder::reset(pump),
        1 => {}
        _ => return Err(ExceptionCode::IllegalDataAddress),
    }
    Ok(())
}

/// Writes holding registers. A controller refuses what it cannot mean.
pub(super) fn write_holdings(
    polder: &mut Polder,
    controller: Controller,
    unit: u8,
    address: u16,
    values: &[u16],
) -> Result<(), ExceptionCode> {
    let number = match values {
        [high, low] => f64::from(f32::from_bits(u32::from(*high) << 16 | u32::from(*low))),
        _ => f64::NAN,
    };
    let refused = Err(ExceptionCode::IllegalDataValue);
    match (controller, unit, address, values) {
        (Controller::Basin(basin), 1..=3, 0, [_, _]) if (0.0..=1500.0).contains(&number) => {
            polder.basins[basin].pumps[usize::from(unit) - 1].setpoint_rpm = number;
        }
        (Controller::Basin(basin), 1..=3, 2, [mode]) => match Mode::from_register(*mode) {
            Some(mode) => polder.basins[basin].pumps[usize::from(unit) - 1].mode = mode,
            None => return refused,
        },
        (Controller::Basin(basin), 10, 0, [_, _]) if (-2.0..=-1.0).contains(&number) => {
            polder.basins[basin].target_m = number;
        }
        (Controller::Sluices, 1..=2, 0, [mode]) => match Mode::from_register(*mode) {
            Some(mode) => polder.sluices[usize::from(unit) - 1].mode = mode,
            None => return refused,
        },
        (_, _, 0 | 2, _) => return refused,
        _ => return Err(ExceptionCode::IllegalDataAddress),
    }
    Ok(())
}
