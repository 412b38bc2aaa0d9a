//! Hostile and broken Modbus devices against the real program: whatever a device does, no wrong value is ever shown as good, its tags turn
//! bad in time and for the right reason, nobody else notices, and all is well again when the fault is over.

mod answer;
mod both;
mod broken;
mod cases;
mod device;
mod fairness;
mod holes;
mod line;
mod off_scan;
mod reloads;
mod serial;
mod silent_block;
mod socket;
mod stale_read;
mod tcp;
mod trial;
mod writes;
mod written_only;

use cases::Flavour;
use fairness::Wrong;

#[test]
fn no_fault_over_tcp_is_believed_and_all_are_recovered_from() {
    trial::prove(tcp::all());
}

/// A client that counts its transactions from 1 on each connection believes the answer to number 1 of the one before.
#[test]
fn an_answer_that_waited_for_the_next_connection_is_not_believed() {
    trial::prove(tcp::hoarded());
}

#[test]
fn no_fault_on_a_serial_line_is_believed_and_all_are_recovered_from() {
    trial::prove(serial::all());
}

#[test]
fn a_command_goes_out_once_and_its_outcome_is_true_whatever_the_device_answers() {
    writes::prove();
}

#[test]
fn twenty_bad_devices_cost_eighty_others_nothing() {
    fairness::hundred();
}

#[test]
fn a_silent_unit_behind_a_gateway_costs_the_others_little() {
    fairness::shared(Flavour::Tcp, Wrong::Silent);
}

#[test]
fn a_silent_unit_on_a_serial_line_costs_the_others_little() {
    fairness::shared(Flavour::Serial, Wrong::Silent);
}

#[test]
fn a_late_unit_behind_a_gateway_disturbs_no_other() {
    fairness::shared(Flavour::Tcp, Wrong::Late);
}

#[test]
fn a_late_unit_on_a_serial_line_disturbs_no_other() {
    fairness::shared(Flavour::Serial, Wrong::Late);
}

#[tokio::test]
async fn a_driver_that_breaks_off_says_so_and_is_started_again() {
    broken::prove().await;
}

#[test]
fn a_block_that_is_never_answered_rests_alone() {
    silent_block::prove(Flavour::Tcp, 300);
}

#[test]
fn a_block_that_is_never_answered_and_comes_first_rests_alone() {
    silent_block::prove(Flavour::Tcp, 0);
}

#[test]
fn a_block_that_is_never_answered_on_a_serial_line_rests_alone() {
    silent_block::prove(Flavour::Serial, 300);
}

/// To find the step of the line again something else has to be read than what is never answered.
#[test]
fn a_block_that_is_never_answered_and_comes_first_on_a_serial_line_rests_alone() {
    silent_block::prove(Flavour::Serial, 0);
}

#[test]
fn a_device_that_is_only_written_is_there_or_says_that_it_is_not() {
    written_only::prove();
}

#[test]
fn bits_are_never_written_from_an_answer_that_came_late() {
    stale_read::prove();
}

#[test]
fn reloads_cost_a_device_that_stays_equal_no_poll_and_no_sample() {
    reloads::miss_nothing();
}

#[test]
fn ten_thousand_registers_come_in_by_a_sheet_and_nobody_else_notices() {
    reloads::sheet();
}

/// On one thread: the drivers run only when the test waits.
#[tokio::test]
async fn off_scan_is_not_lost_in_a_reload_whichever_comes_first() {
    off_scan::prove().await;
}

#[test]
fn a_restart_does_not_ask_again_for_what_is_refused() {
    holes::prove();
}

#[test]
fn another_device_than_the_known_one_is_asked_for_everything() {
    holes::somebody_else();
}
