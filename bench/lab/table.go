package lab

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"spike/bench"
)

// board prints a line for each event, and one a second with what each part carries.
type board struct {
	out   io.Writer
	begun time.Time

	mu    sync.Mutex
	sale  string
	units uint64
	crowd *throng
	heard heard
	seen  sample
}

func newBoard(out io.Writer) *board { return &board{out: out, begun: time.Now()} }

// say prints an event.
func (b *board) say(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fmt.Fprintf(b.out, "%6.2f  %s\n", time.Since(b.begun).Seconds(), fmt.Sprintf(format, args...))
}

// watch switches to another sale.
func (b *board) watch(sale string, units uint64, crowd *throng) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sale, b.units, b.crowd, b.heard = sale, units, crowd, heard{}
}

// heads is the table's head.
func (b *board) heads() {
	fmt.Fprintf(b.out, "%6s  %-9s %13s %7s %6s %5s %10s %11s %8s %14s\n", "s", "sale", "sold", "/s", "failed", "503",
		"router %", "directors %", "nginx %", "edges %")
}

// tick prints a line of the table.
func (b *board) tick(now sample, every time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	carried := now.less(b.seen)
	b.seen = now
	if b.crowd == nil {
		return
	}
	h := b.crowd.now()
	rate := float64(h.Answered-b.heard.Answered) / every.Seconds()
	b.heard = h
	sold := bench.Number(h.Won) + "/" + bench.Number(b.units)
	fmt.Fprintf(b.out, "%6.2f  %-9s %13s %7.0f %6d %5d", time.Since(b.begun).Seconds(), b.sale, sold, rate,
		h.failed(), h.Undecided)
	for i, l := range carried.layers {
		fmt.Fprintf(b.out, "%*s", []int{11, 12, 9, 15}[i], l.shares())
	}
	fmt.Fprintln(b.out)
}

// run prints the table until ctx ends.
func (b *board) run(ctx context.Context, s *sampler) error {
	const every = time.Second
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			b.tick(s.take(ctx), every)
		case <-ctx.Done():
			return nil
		}
	}
}
