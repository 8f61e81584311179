package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"spike/edge/admin"
	"spike/edge/token"
	"spike/luascripts/ledger"
)

// ReservationCmd is what an operator does about one reservation.
type ReservationCmd struct {
	Show    ReservationShowCmd    `cmd:"" help:"Show a reservation."`
	Prolong ReservationProlongCmd `cmd:"" help:"Let its hold end later, because its payment is under way."`
	Release ReservationReleaseCmd `cmd:"" help:"Put its units back on sale, also if it is paid: the money goes back."`
}

// reservationArg is a reservation, by its token or by a serial of it.
type reservationArg struct {
	storeFlag
	outputFlag
	TokenKey string   `env:"SPIKE_TOKEN_KEY" placeholder:"FILE" help:"${edges_token_key}"`
	Of       []string `arg:"" name:"reservation" help:"The reservation's TOKEN, or its SALE and a SERIAL."`
}

var errWhich = usagef("name a reservation by its TOKEN, or by its SALE and a SERIAL")

// errClaim: a claim of a draw names no reservation, before its lot has won.
var errClaim = usagef("this is a claim of a draw, not a TOKEN: at an edge, GET /v1/reservations/CLAIM says what it has come to")

// serial is the sale and the serial that name the reservation. false: its token does.
func (a reservationArg) serial() (sale string, serial uint32, named bool, err error) {
	if len(a.Of) == 1 {
		return "", 0, false, nil
	}
	if len(a.Of) != 2 {
		return "", 0, false, errWhich
	}
	n, err := strconv.ParseUint(a.Of[1], 10, 32)
	if err != nil || n == 0 {
		return "", 0, false, errWhich
	}
	return a.Of[0], uint32(n), true, ledger.CheckName(a.Of[0])
}

// Validate refuses what cannot name a reservation.
func (a reservationArg) Validate() error {
	_, _, _, err := a.serial()
	return err
}

// claim is the token's, with the name of its sale.
func (a reservationArg) claim(ctx context.Context, s ledger.Store) (sale string, t token.Token, err error) {
	var keys [][]byte
	if a.TokenKey != "" {
		if keys, _, err = token.LoadKeys(a.TokenKey); err != nil {
			return "", t, err
		}
	} else {
		key, err := s.TokenKey(ctx)
		if err != nil {
			return "", t, err
		}
		keys = [][]byte{key}
	}
	signer, text := token.NewSigner(keys...), []byte(a.Of[0])
	if _, err := signer.ParseTicket(text); err == nil {
		return "", t, errClaim
	}
	if t, err = signer.Parse(text); err != nil {
		return "", t, fmt.Errorf("%w; if the edges have a --token-key, give it here, too", err)
	}
	found, err := s.Born(ctx, t.Birth)
	return found.Sale, t, err
}

// changed has an action give the token's reservation the wanted state, or its error says which other state it has.
func (a reservationArg) changed(ctx context.Context, s ledger.Store, wanted ledger.Life,
	do func(sale string, t token.Token) (ledger.ReservationReply, error)) (out admin.Unit, err error) {
	sale, t, err := a.claim(ctx, s)
	if err != nil {
		return out, err
	}
	reply, err := do(sale, t)
	if err != nil {
		return out, err
	}
	if out = admin.Changed(sale, t.Birth, t.Claim, reply); reply.Life != wanted {
		err = out.Already()
	}
	return out, err
}

// ReservationShowCmd shows a reservation.
type ReservationShowCmd struct {
	reservationArg
}

// Run shows it.
func (c *ReservationShowCmd) Run(ctx context.Context) error {
	sale, serial, named, err := c.serial()
	if err != nil {
		return err
	}
	return c.with(ctx, func(s ledger.Store) (err error) {
		var out admin.Unit
		if named {
			out, err = admin.LookUp(ctx, s, sale, serial)
		} else {
			out, err = c.shown(ctx, s)
		}
		return c.printReservation(out, err)
	})
}

// shown is the token's reservation.
func (a reservationArg) shown(ctx context.Context, s ledger.Store) (out admin.Unit, err error) {
	sale, t, err := a.claim(ctx, s)
	if err != nil {
		return out, err
	}
	reply, err := s.Reservation(ctx, sale, t.Birth, t.Claim)
	return admin.Shown(sale, t.Birth, t.Claim, reply), err
}

// ReservationProlongCmd lets a hold end later.
type ReservationProlongCmd struct {
	reservationArg
	By time.Duration `required:"" placeholder:"D" help:"How long after its first end, at most the sale's hold."`
}

// Run prolongs it. It needs the token, which alone knows when the hold was to end at first.
func (c *ReservationProlongCmd) Run(ctx context.Context) error {
	if len(c.Of) != 1 || c.By < time.Second || c.By > ledger.MaxHold {
		return usagef("give the reservation's TOKEN, and --by 1s to %v", ledger.MaxHold)
	}
	return c.with(ctx, func(s ledger.Store) error {
		out, err := c.changed(ctx, s, ledger.IsPending, func(sale string, t token.Token) (ledger.ReservationReply, error) {
			return s.Prolong(ctx, sale, t.Birth, t.Claim, c.By)
		})
		return c.printReservation(out, err)
	})
}

// ReservationReleaseCmd puts a reservation's units back on sale.
type ReservationReleaseCmd struct {
	reservationArg
	ID string `name:"id" placeholder:"rsv_..." help:"The reservation's id, needed with a SERIAL."`
}

// Run releases it.
func (c *ReservationReleaseCmd) Run(ctx context.Context) error {
	sale, serial, named, err := c.serial()
	if err != nil {
		return err
	}
	if _, _, err := ledger.ParseReservation(c.ID); named && err != nil {
		return usagef("with a serial, give --id: %w", err)
	}
	return c.with(ctx, func(s ledger.Store) (err error) {
		var out admin.Unit
		if named {
			out.Reservation, err = admin.ReleaseUnit(ctx, s, sale, serial, c.ID)
		} else {
			out, err = c.changed(ctx, s, ledger.IsRefunded, func(sale string, t token.Token) (ledger.ReservationReply, error) {
				return s.Release(ctx, sale, t.Birth, t.Claim)
			})
		}
		if err == nil {
			noted(ctx, s, "released", out.Sale, out.ID)
		}
		return c.printReservation(out, err)
	})
}

func (o outputFlag) printReservation(u admin.Unit, err error) error {
	if err != nil {
		return err
	}
	return o.print(u, func(w io.Writer) error { return unitText(w, u) })
}

// unitText prints a reservation for people.
func unitText(out io.Writer, u admin.Unit) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "reservation\t%s\nsale\t%s\nserial\t%d\nunits\t%d\nstate\t%s\n", u.ID, u.Sale, u.Serial, max(u.Count, 1), u.State)
	if u.ExpiresAt != nil {
		fmt.Fprintf(w, "expires\t%s\n", u.ExpiresAt.Format(time.RFC3339))
	}
	if u.Buyer != "" {
		fmt.Fprintf(w, "buyer\t%s\n", u.Buyer)
	}
	if u.Order != nil {
		fmt.Fprintf(w, "order\t%s\n", u.Order.State)
	}
	return w.Flush()
}
