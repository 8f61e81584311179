package admin

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"spike/edge/answer"
	"spike/luascripts/ledger"
)

// What a payment service and an operator do about one reservation: by its token, or by a serial that it has.

// prolonging is the body of POST /api/v1/reservations/{token}/prolong.
type prolonging struct {
	BySeconds int64 `json:"by_seconds"`
}

const maxProlong = int64(ledger.MaxHold / time.Second)

func (s *Side) prolong(w http.ResponseWriter, r *http.Request) {
	var body prolonging
	err := readJSON(r, &body)
	if err == nil && (body.BySeconds < 1 || body.BySeconds > maxProlong) {
		err = badRequest("by_seconds", fmt.Sprintf("1 to %d, counted from when the hold was to end at first", maxProlong))
	}
	var res answer.Reservation
	if err == nil {
		res, err = s.Prolong(r.Context(), r.PathValue("token"), time.Duration(body.BySeconds)*time.Second)
	}
	reply(w, http.StatusOK, res, err)
}

func (s *Side) release(w http.ResponseWriter, r *http.Request) {
	res, err := s.Release(r.Context(), r.PathValue("token"))
	s.by(r).note(r.Context(), err, ledger.Entry{Did: "released", Sale: res.Sale})
	s.written(w, http.StatusOK, "released", res.Sale, res, err)
}

// Unit is who has a serial: its reservation, and the buyer's hash.
type Unit struct {
	answer.Reservation
	Buyer string `json:"buyer,omitempty"` // hex; "": anonymous
}

// unit answers GET /api/v1/sales/{sale}/units/{serial}.
func (s *Side) unit(w http.ResponseWriter, r *http.Request) {
	var out Unit
	serial, err := serialOf(r)
	if err == nil {
		out, err = LookUp(r.Context(), s.Store, r.PathValue("sale"), serial)
	}
	reply(w, http.StatusOK, out, err)
}

func serialOf(r *http.Request) (uint32, error) {
	n, err := strconv.ParseUint(r.PathValue("serial"), 10, 32)
	if err != nil || n < 1 || n > ledger.MaxSerial {
		return 0, badRequest("serial", fmt.Sprintf("1 to %d", uint64(ledger.MaxSerial)))
	}
	return uint32(n), nil
}

// LookUp is who has a serial. It fails with answer.ErrNoReservation if nobody has.
func LookUp(ctx context.Context, store ledger.Reservations, sale string, serial uint32) (out Unit, err error) {
	had, err := store.Unit(ctx, sale, 0, serial, ledger.Claim{})
	if err == nil && had.Claim.Count == 0 {
		err = answer.ErrNoReservation
	}
	if err != nil {
		return out, err
	}
	is, err := store.Reservation(ctx, sale, had.Birth, had.Claim)
	if err != nil {
		return out, err
	}
	return Shown(sale, had.Birth, had.Claim, is), nil
}

// Shown is a reservation after a look at it.
func Shown(sale string, birth uint64, c ledger.Claim, r ledger.ReservationReply) Unit {
	out := Changed(sale, birth, c, r)
	out.Order = answer.Stored(r.Stored)
	return out
}

// Changed is a reservation after a call that may have changed it.
func Changed(sale string, birth uint64, c ledger.Claim, r ledger.ReservationReply) Unit {
	out := Unit{Reservation: answer.Described(sale, birth, c, r.Life)}
	if r.Life == ledger.IsPending {
		out.Ends(r.Raw, r.Until)
	}
	if c.Buyer != (ledger.Buyer{}) {
		out.Buyer = hex.EncodeToString(c.Buyer[:])
	}
	return out
}

// named is the body of POST /api/v1/sales/{sale}/units/{serial}/release.
type named struct {
	Reservation string `json:"reservation"`
}

// releaseUnit must hear which reservation is meant, because the serial may have been sold again.
func (s *Side) releaseUnit(w http.ResponseWriter, r *http.Request) {
	var body named
	err := readJSON(r, &body)
	var serial uint32
	if err == nil {
		serial, err = serialOf(r)
	}
	sale := r.PathValue("sale")
	var res answer.Reservation
	if err == nil {
		res, err = ReleaseUnit(r.Context(), s.by(r), sale, serial, body.Reservation)
	}
	if errors.Is(err, ledger.ErrReservationID) {
		err = badRequest("reservation", "the id of the reservation that has this serial: rsv_ and 42 hex digits")
	}
	s.written(w, http.StatusOK, "released", sale, res, err)
}

// ReleaseUnit puts the units of the reservation with this id back on sale, all of them: serial is one of them. It fails with
// answer.ErrNoReservation if the reservation does not have that serial and had it not lately, with an error that wraps
// ledger.ErrReservationID if id is none, and with a Problem if the reservation has ended in another way.
func ReleaseUnit(ctx context.Context, store ledger.Reservations, sale string, serial uint32, id string) (res answer.Reservation,
	err error) {
	birth, which, err := ledger.ParseReservation(id)
	if err != nil {
		return res, err
	}
	had, err := store.Unit(ctx, sale, birth, serial, which)
	if errors.Is(err, ledger.ErrBirth) || err == nil && had.Claim.Count == 0 {
		err = answer.ErrNoReservation
	}
	if err != nil {
		return res, err
	}
	is, err := store.Release(ctx, sale, birth, had.Claim)
	if err != nil {
		return res, err
	}
	res = answer.Described(sale, birth, had.Claim, is.Life)
	if is.Life != ledger.IsRefunded {
		return res, res.Already()
	}
	return res, nil
}
