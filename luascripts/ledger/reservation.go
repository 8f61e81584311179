package ledger

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A reservation's id is the prefix, then the sale's birth, the fence and the nonce, each as idDigits hex digits in small letters.
// None of the three is longer, because Lua's numbers hold 53 bits. (birth, fence, nonce) names one reservation for ever. The
// migrations of orders say the same in SQL. The id is no secret: a token is good by its MAC alone.
const (
	idPrefix = "rsv_"
	idDigits = 14
	// ReservationLen is the length of an id, in characters.
	ReservationLen = len(idPrefix) + 3*idDigits
)

// ErrReservationID says that a text is not the id of a reservation.
var ErrReservationID = errors.New("not the id of a reservation")

// AppendReservation appends the id of the claim's reservation, in the sale of that birth.
func (c Claim) AppendReservation(b []byte, birth uint64) []byte {
	b = append(b, idPrefix...)
	return appendHex(appendHex(appendHex(b, birth), c.Fence), c.Nonce)
}

// Reservation is the id of the claim's reservation, in the sale of that birth.
func (c Claim) Reservation(birth uint64) string {
	return string(c.AppendReservation(make([]byte, 0, ReservationLen), birth))
}

func appendHex(b []byte, n uint64) []byte {
	const digits = "0123456789abcdef"
	for shift := 4 * (idDigits - 1); shift >= 0; shift -= 4 {
		b = append(b, digits[n>>shift&15])
	}
	return b
}

// ParseReservation reads an id: the birth of the sale, and a Claim that has the fence and the nonce, and nothing else. It takes
// exactly what AppendReservation writes. Its error wraps ErrReservationID.
func ParseReservation(id string) (birth uint64, c Claim, err error) {
	hex, is := strings.CutPrefix(id, idPrefix)
	if !is || len(id) != ReservationLen {
		return 0, c, fmt.Errorf("%w: %q", ErrReservationID, id)
	}
	for _, to := range []*uint64{&birth, &c.Fence, &c.Nonce} {
		if *to, err = strconv.ParseUint(hex[:idDigits], 16, 64); err != nil {
			return 0, Claim{}, fmt.Errorf("%w: %q", ErrReservationID, id)
		}
		hex = hex[idDigits:]
	}
	if c.Reservation(birth) != id {
		return 0, Claim{}, fmt.Errorf("%w: %q", ErrReservationID, id)
	}
	return birth, c, nil
}
