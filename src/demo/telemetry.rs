//! Weather and tide over MQTT, and the broker in between.

use super::servers::Shared;
use rumqttc::{AsyncClient, MqttOptions, QoS};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The broker's process. It ends with this, and by itself when this program ends in whatever way.
pub(super) struct BrokerProcess {
    port: u16,
    child: Option<Child>,
}

impl BrokerProcess {
    pub(super) fn start(port: u16) -> anyhow::Result<Self> {
        let mut process = Self { port, child: None };
        process.restore()?;
        Ok(process)
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(super) fn restore(&mut self) -> anyhow::Result<()> {
        if self.child.is_none() {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["demo-broker", &self.port.to_string()]).stdin(Stdio::piped()).stdout(Stdio::null());
            self.child = Some(command.spawn()?);
        }
        Ok(())
    }
}

impl Drop for BrokerProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The weather station and the tide gauge: they publish every second, and come back by themselves when the broker does.
pub(super) async fn publish(polder: Shared, port: u16) {
    let mut options = MqttOptions::new("noordpolder-gauges", "127.0.0.1", port);
    options.set_keep_alive(Duration::from_secs(5));
    let (client, mut events) = AsyncClient::new(options, 16);
    let pump = async {
        loop {
            if events.poll().await.is_err() {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    };
    let talk = async {
        let mut clock = tokio::time::interval(Duration::from_secs(1));
        loop {
            clock.tick().await;
            for (topic, payload) in messages(&polder) {
                // While the broker is away the newest values are simply not said.
                let _ = client.try_publish(topic, QoS::AtMostOnce, false, payload);
            }
        }
    };
    tokio::select! {
        () = pump => {}
        () = talk => {}
    }
}

fn messages(polder: &Shared) -> Vec<(&'static str, String)> {
    let Ok(polder) = polder.lock() else { return Vec::new() };
    let weather = &polder.weather;
    let report = serde_json::json!({
        "station": "260",
        "rain": {"mm_h": round(weather.rain_mm_h, 2)},
        "wind": [{"m_s": round(weather.wind_m_s, 1)}, {"degrees": round(weather.wind_degrees, 0)}],
        "temperature": {"c": round(weather.temperature_c, 1)},
        "evaporation": {"mm_h": round(weather.evaporation_mm_h, 3)},
    });
    vec![("noordpolder/weather/260", report.to_string()), ("noordpolder/tide/level", format!("{:.3}", polder.sea_m))]
}

fn round(value: f64, decimals: i32) -> f64 {
    let factor = 10f64.powi(decimals);
    (value * factor).round() / factor
}
