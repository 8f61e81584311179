package ledger

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Two reservations never have one id, and an id is read back as what it was made of.
func TestReservationIDs(t *testing.T) {
	number := rapid.Uint64Range(0, 1<<53)
	rapid.Check(t, func(t *rapid.T) {
		birth, c := number.Draw(t, "birth"), Claim{Fence: number.Draw(t, "fence"), Nonce: number.Draw(t, "nonce")}
		gotBirth, got, err := ParseReservation(c.Reservation(birth))
		if err != nil || gotBirth != birth || got != c {
			t.Fatalf("%d %+v came back as %d %+v %v", birth, c, gotBirth, got, err)
		}
	})
}

// The form is part of the interface: orders of years are joined by it.
func TestReservationIDLooksSo(t *testing.T) {
	c := Claim{Serial: 9, Count: 2, Fence: 0xabc, Nonce: 1 << 53, Expiry: 5, Buyer: Buyer{1}}
	const want = "rsv_" + "060a24181e4000" + "00000000000abc" + "20000000000000"
	if got := c.Reservation(0x60a24181e4000); got != want {
		t.Fatal(got)
	}
	for _, wrong := range []string{"", "rsv_", want[4:], want + "0", strings.ToUpper(want), "rsv_" + strings.Repeat("g", 42),
		"rsv_" + strings.Repeat("+1", 21)} {
		if _, _, err := ParseReservation(wrong); !errors.Is(err, ErrReservationID) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestReservationIDAllocatesNothing(t *testing.T) {
	c, room := Claim{Fence: 7, Nonce: 8}, make([]byte, 0, ReservationLen)
	if n := testing.AllocsPerRun(100, func() { room = c.AppendReservation(room[:0], 9) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
