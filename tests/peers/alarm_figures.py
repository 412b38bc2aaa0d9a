"""Works out alarm figures from an exported journal, from the definitions and in the plainest way, to be compared with Polder's own.

    alarm_figures.py JOURNAL.csv FROM TO        the whole journal, from its beginning on; moments in RFC 3339

Definitions. A period begins with FROM and ends before TO. A state is active when it is "unacknowledged" or "acknowledged". An activation is
a change into an active state out of one that is not. Everything is counted in whole microseconds.
"""

import csv
import datetime
import json
import math
import sys

SECOND = 1_000_000
MINUTE = 60 * SECOND
ACTIVE = {"unacknowledged", "acknowledged"}
ASIDE = {"shelved", "suppressed", "out-of-service"}


def micros(text):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return since // datetime.timedelta(microseconds=1)


def waits(state):
    return state.endswith("unacknowledged")


def percentile(values, percent):
    """The smallest value that at least `percent` of a hundred do not exceed."""
    for value in sorted(values):
        if 100 * sum(other <= value for other in values) >= percent * len(values):
            return value / SECOND
    return None


def times(values):
    return {
        "count": len(values),
        "median_seconds": percentile(values, 50),
        "ninetieth_seconds": percentile(values, 90),
        "maximum_seconds": max(values) / SECOND if values else None,
    }


def activations_of(rows, end):
    """[alarm, begin, end or None, whether it was set aside], out of the changes of one alarm."""
    found = []
    for row in rows:
        was, becomes = row["before"] in ACTIVE, row["after"] in ACTIVE
        if was and not becomes and found and found[-1]["end"] is None:
            found[-1]["end"], found[-1]["aside"] = row["time"], row["after"] in ASIDE
        if becomes and not was:
            if found and found[-1]["end"] is None:
                found[-1]["end"] = row["time"]
            found.append({"alarm": row["alarm"], "begin": row["time"], "end": None, "aside": False, "id": row["occurrence"]})
    return found


def rate(begins, start, end, width):
    full = {}
    for begin in begins:
        full[(begin - start) // width] = full.get((begin - start) // width, 0) + 1
    return {"average": len(begins) * width / (end - start), "maximum": max(full.values(), default=0)}, full


def floods_of(begins, end):
    """At each moment at which the number of the last ten minutes can change, it is counted anew."""
    moments = sorted({moment for begin in begins for moment in (begin, begin + 10 * MINUTE) if moment < end})
    found, since = [], None
    for now in moments:
        count = sum(now - 10 * MINUTE < begin <= now for begin in begins)
        if since is None and count > 10:
            since = now
        elif since is not None and count < 5:
            found.append((since, now))
            since = None
    if since is not None:
        found.append((since, end))
    told = []
    for first, last in found:
        inside = [begin for begin in begins if first - 10 * MINUTE < begin < last]
        peak = max(sum(now - 10 * MINUTE < begin <= now for begin in begins) for now in moments if first <= now < last)
        told.append({"from": first, "to": last, "activations": len(inside), "peak": peak})
    return told


def figures(rows, start, end):
    rows = [row for row in rows if row["time"] < end]
    within = [row for row in rows if row["time"] >= start]
    states = [row for row in rows if row["after"]]
    of_alarm = {}
    for row in states:
        of_alarm.setdefault(row["alarm"], []).append(row)
    everything = [one for some in of_alarm.values() for one in activations_of(some, end)]
    standing = [one for one in everything if one["end"] is None or one["end"] >= start]
    new = sorted((one for one in everything if one["begin"] >= start), key=lambda one: one["begin"])
    begins = [one["begin"] for one in new]

    acknowledged = {}
    for row in within:
        by_person = row["actor"] not in ("", "station") and waits(row["before"]) and row["after"] and not waits(row["after"])
        if by_person and row["after"] not in ASIDE:
            acknowledged.setdefault((row["alarm"], row["occurrence"]), (row["time"], row["time"] - row["raised"], row["priority"]))

    chattering = set()
    for one in new:
        same = [other for other in new if other["alarm"] == one["alarm"]]
        for place in range(len(same) - 2):
            three = same[place : place + 3]
            if three[2]["begin"] - three[0]["begin"] <= MINUTE and any(other is one for other in three):
                chattering.add(id(one))
    fleeting = set()
    for one in new:
        short = one["end"] is not None and not one["aside"] and one["end"] - one["begin"] < MINUTE
        known = acknowledged.get((one["alarm"], one["id"]))
        if short and not (known and known[0] < one["end"]) and id(one) not in chattering:
            fleeting.add(id(one))

    alarms = {}
    for one in new:
        told = alarms.setdefault(one["alarm"], {"activations": 0, "chattering": 0, "fleeting": 0})
        told["activations"] += 1
        told["chattering"] += id(one) in chattering
        told["fleeting"] += id(one) in fleeting
    top = sorted((told["activations"] for told in alarms.values()), reverse=True)[:10]

    day = 24 * 60 * MINUTE
    stale = []
    for one in standing:
        first, last = max(one["begin"] + day, start), one["end"] if one["end"] is not None else end
        if first < last:
            stale.append((one["alarm"], first, last, one["end"] is None))
    worst = 0
    for number in range(math.ceil((end - start) / day)):
        low, high = start + number * day, min(start + (number + 1) * day, end)
        worst = max(worst, len({alarm for alarm, first, last, _ in stale if first < high and last > low}))
    moments = [start] + [one["begin"] for one in standing if one["begin"] >= start]
    at_once = [
        sum(one["begin"] <= now and (one["end"] is None or one["end"] > now) for one in standing) for now in moments
    ]
    active_time = sum((one["end"] if one["end"] is not None else end) - max(one["begin"], start) for one in standing)
    last_state = {alarm: some[-1]["after"] for alarm, some in of_alarm.items()}

    per_day, _ = rate(begins, start, end, day)
    per_hour, _ = rate(begins, start, end, 60 * MINUTE)
    per_ten, tens = rate(begins, start, end, 10 * MINUTE)
    floods = floods_of(begins, end)
    priority = {row["alarm"]: row["priority"] for row in rows}
    known = [one for one in new if priority[one["alarm"]]]
    priorities = []
    for word in ("critical", "high", "medium", "low"):
        count = sum(priority[one["alarm"]] == word for one in new)
        taken = [took for _, took, of in acknowledged.values() if of == word]
        share = count / len(known) if known else 0.0
        priorities.append({"priority": word, "activations": count, "share": share, "acknowledge": times(taken)})
    return {
        "activations": len(new),
        "rates": {
            "per_day": per_day,
            "per_hour": per_hour,
            "per_ten_minutes": per_ten,
            "share_above_ten": sum(count > 10 for count in tens.values()) / math.ceil((end - start) / (10 * MINUTE)),
            "floods": floods,
            "share_in_flood": sum(flood["to"] - flood["from"] for flood in floods) / (end - start),
        },
        "alarms": alarms,
        "top_share": sum(top) / len(new) if new else 0.0,
        "chattering_alarms": sum(told["chattering"] > 0 for told in alarms.values()),
        "chattering": len(chattering),
        "fleeting_alarms": sum(told["fleeting"] > 0 for told in alarms.values()),
        "fleeting": len(fleeting),
        "standing": {
            "active_at_end": sum(one["end"] is None for one in standing),
            "waiting_at_end": sum(waits(state) for state in last_state.values()),
            "maximum": max(at_once),
            "average": active_time / (end - start),
            "stale_on_worst_day": worst,
            "stale_at_end": sorted(alarm for alarm, _, _, still in stale if still),
            "stale": len({alarm for alarm, _, _, _ in stale}),
        },
        "priorities": priorities,
        "of_unknown_priority": len(new) - len(known),
        "acknowledge": times([took for _, took, _ in acknowledged.values()]),
        "set_aside": [
            [word, sum(row["after"] == word and row["before"] not in ASIDE for row in within)]
            for word in ("shelved", "suppressed", "out-of-service")
        ],
        "set_aside_at_end": sum(state in ASIDE for state in last_state.values()),
        "gaps": sum(row["after"] == "" for row in within),
    }


def main():
    with open(sys.argv[1], encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    for row in rows:
        row["time"], row["raised"] = micros(row["time"]), micros(row["raised"])
    json.dump(figures(rows, micros(sys.argv[2]), micros(sys.argv[3])), sys.stdout)


if __name__ == "__main__":
    main()
