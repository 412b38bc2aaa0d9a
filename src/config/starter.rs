//! What `polder new` writes.

/// A commented starting station: one Modbus device with one value, one alarm and one setpoint.
pub const STARTER: &str = r#"{
  "// 1": "A Polder station. `polder check DIR` names every mistake; `polder schema` prints what is possible. Keys that begin with // are comments.",
  "station": {"name": "My plant"},

  "// 2": "One entry for each wire. Others: {\"serial\": \"/dev/serial/by-id/...\", \"baud\": 19200} and {\"mqtt\": {\"url\": \"mqtt://10.0.0.8:1883\"}}.",
  "connections": [
    {"name": "plc", "modbus": {"tcp": "127.0.0.1:1502"}}
  ],

  "// 3": "One entry for each device on a wire.",
  "devices": [
    {"name": "pump-1", "connection": "plc", "unit": 1, "poll": "500ms"}
  ],

  "// 4": "One entry for each value. Registers are zero-based: holding:40 is what some manuals call 40041.",
  "tags": [
    {"name": "pump-1/speed", "device": "pump-1", "register": "input:0", "type": "f32", "unit": "rpm", "decimals": 0, "range": [0, 1500],
     "alarms": [{"high": 1400, "priority": "high", "deadband": 10, "on_delay": "5s",
                 "message": "Pump 1 speed high", "guidance": "Lower the setpoint; look for a blocked inlet."}]},
    {"name": "pump-1/speed-setpoint", "device": "pump-1", "register": "holding:40", "type": "f32", "unit": "rpm", "decimals": 0,
     "command": {"min": 0, "max": 1450, "tolerance": 0.5}}
  ]
}
"#;
