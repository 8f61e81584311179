package gate

import (
	"errors"
	"testing"

	"spike/luascripts/ledger"
)

// nginx' status is read whole, or nothing of it counts.
func TestFrontStatus(t *testing.T) {
	const whole = "Active connections: 291 \nserver accepts handled requests\n 16630948 16630947 31070465 \n" +
		"Reading: 6 Writing: 179 Waiting: 106 \n"
	var b ledger.FrontBeat
	if err := parseStatus(whole, &b); err != nil ||
		b != (ledger.FrontBeat{Seen: true, Requests: 31070465, Accepted: 16630948, Active: 291, Waiting: 106}) {
		t.Errorf("%+v %v", b, err)
	}
	for _, odd := range []string{"", "Active connections: 291 \n", whole[:90], "<html>", "Active connections: -1 \n" + whole[24:]} {
		b = ledger.FrontBeat{Flags: 3}
		if err := parseStatus(odd, &b); !errors.Is(err, errStatus) || b != (ledger.FrontBeat{Flags: 3}) {
			t.Errorf("%q: %+v %v", odd, b, err)
		}
	}
}
