package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"spike/luascripts/ledger"
)

// EdgesCmd lists the processes that beat, and those that are silent and hold units.
type EdgesCmd struct {
	storeFlag
	outputFlag
}

// Run prints them.
func (c *EdgesCmd) Run(ctx context.Context) error {
	return c.with(ctx, func(s ledger.Store) error {
		all, err := processes(ctx, s)
		if err != nil {
			return err
		}
		return c.print(all, func(w io.Writer) error { return printProcesses(w, all, time.Now()) })
	})
}

// processRow is one process, as the operator sees it.
type processRow struct {
	Kind      ledger.Kind `json:"kind"`
	Node      string      `json:"node"`
	Instance  string      `json:"instance"`
	Version   string      `json:"version,omitempty"`
	Started   *time.Time  `json:"started,omitempty"` // by its own clock
	Silent    bool        `json:"silent,omitempty"`  // it does not beat, and holds units
	Ready     bool        `json:"ready"`
	Draining  bool        `json:"draining,omitempty"`
	Why       string      `json:"why,omitempty"`
	Stock     uint64      `json:"stock"`         // units that a buyer could have there now
	Leased    uint64      `json:"leased"`        // units in its leases, as the ledger knows them
	Limbo     uint64      `json:"limbo"`         // units of its dead leases
	Unsettled uint64      `json:"unsettled"`     // claims that the ledger does not have yet
	RoundTrip int64       `json:"round_trip_us"` // of a beat
	Age       int64       `json:"last_beat_us"`  // how long ago it beat; of a silent one, how long ago it asked for a lease
}

func processes(ctx context.Context, s ledger.Store) ([]processRow, error) {
	beats, err := s.Beats(ctx)
	if err != nil {
		return nil, err
	}
	rows := make([]processRow, len(beats))
	for i, b := range beats {
		rows[i] = rowOf(b)
	}
	names, err := s.List(ctx)
	for _, name := range names {
		h, e := s.Holders(ctx, name)
		if errors.Is(e, ledger.ErrNoSale) {
			continue
		}
		if err = errors.Join(err, e); e == nil {
			rows = addHolders(rows, h)
		}
	}
	return rows, err
}

func rowOf(b ledger.Beat) processRow {
	started := time.UnixMicro(b.Started).UTC()
	row := processRow{Kind: b.Kind, Node: b.Node, Instance: b.Instance, Version: b.Version, Started: &started, Ready: b.Ready,
		Draining: b.Draining, Why: b.Why, RoundTrip: b.RoundTrip, Age: b.Age}
	for _, sale := range b.Sales {
		row.Stock += sale.Stock
		row.Unsettled += sale.Unsettled
	}
	return row
}

// addHolders adds what instances of a sale hold to their processes. A holder without a beat becomes a silent process.
func addHolders(rows []processRow, held ledger.Holders) []processRow {
	for _, h := range held.Instances {
		if len(h.Leases) == 0 {
			continue
		}
		at := slices.IndexFunc(rows, func(r processRow) bool { return r.Kind == ledger.EdgeKind && r.Instance == h.Process() })
		ago := max(held.Now-h.Seen, 0)
		if at < 0 {
			at = len(rows)
			rows = append(rows, processRow{Kind: ledger.EdgeKind, Node: h.Node, Instance: h.Process(), Silent: true, Age: ago})
		}
		row := &rows[at]
		if row.Silent {
			row.Age = min(row.Age, ago)
		}
		for _, l := range h.Leases {
			if l.Limbo {
				row.Limbo += l.Units
			} else {
				row.Leased += l.Units
			}
		}
	}
	return rows
}

func printProcesses(out io.Writer, rows []processRow, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KIND\tNODE\tVERSION\tUP\tREADY\tSTOCK\tLEASED\tLIMBO\tUNSETTLED\tROUND TRIP\tLAST BEAT")
	for _, r := range rows {
		up, trip, last := "-", "-", ago(r.Age)
		if r.Started != nil {
			up = now.Sub(*r.Started).Round(time.Second).String()
		}
		if r.RoundTrip > 0 {
			trip = (time.Duration(r.RoundTrip) * time.Microsecond).Round(10 * time.Microsecond).String()
		}
		if r.Silent {
			last = "none; asked " + last
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Kind, r.Node, cmp.Or(r.Version, "-"), up, r.state(),
			r.units(r.Stock, r.Silent), r.units(r.Leased, false), r.units(r.Limbo, false), r.units(r.Unsettled, r.Silent), trip, last)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range rows {
		if r.state() == "no" {
			fmt.Fprintf(out, "%s %s is not ready: %s\n", r.Kind, r.Node, r.Why)
		}
	}
	return nil
}

// units is a number of an edge's; - where nobody knows it, or where there is none.
func (r processRow) units(n uint64, unknown bool) string {
	if unknown || r.Kind != ledger.EdgeKind {
		return "-"
	}
	return strconv.FormatUint(n, 10)
}

// state is whether the process does its work, in a word.
func (r processRow) state() string {
	switch {
	case r.Silent:
		return "silent"
	case r.Draining:
		return "draining"
	case !r.Ready:
		return "no"
	}
	return "yes"
}

func ago(us int64) string {
	return (time.Duration(us) * time.Microsecond).Round(100*time.Millisecond).String() + " ago"
}
