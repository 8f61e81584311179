// Package beater lets a process beat: it tells the store each second who the process is and what it has counted, and writes into
// the journal that the process started, that it stopped, and what it noticed.
//
// Nothing waits for a beat. There is one call at a time, so a slow store skips beats, and they never pile up. Counters of a beat
// are cumulative, so a beat that is lost costs nothing.
package beater

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/rs/zerolog"

	"spike/luascripts/ledger"
)

// Store is the part of a store that a Beater uses.
type Store interface {
	Beat(ctx context.Context, b ledger.Beat) error
	Leave(ctx context.Context, b ledger.Beat) error
	Note(ctx context.Context, e ledger.Entry) error
}

const (
	jitter       = ledger.BeatEvery / 10 // at most: processes that start together do not beat together for ever
	refusedPause = time.Minute           // after the store refused a beat
	pendingMost  = 64                    // entries that wait for the store
)

// Beater is the beat of one process.
type Beater struct {
	Store Store
	Log   zerolog.Logger
	Who   ledger.Beat // what does not change: Kind, Instance, Node, Version
	// Look fills in the rest but for times and files, and returns what the journal must have. It must not wait for long. nil:
	// there is nothing.
	Look func(ctx context.Context, b *ledger.Beat) []ledger.Entry

	roundTrip time.Duration
	heard     bool           // the store has had a beat
	refused   bool           // the store's refusal was logged
	pending   []ledger.Entry // oldest first
}

// Begin runs the Beater, and returns what ends it.
func (b *Beater) Begin() (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		b.Run(ctx)
		close(ended)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// Run beats until ctx ends. Then the beat ends, and the journal has that the process stopped.
func (b *Beater) Run(ctx context.Context) {
	b.Who.Started = time.Now().UnixMicro()
	b.note(ledger.Entry{Did: "started", What: "spike " + b.Who.Version})
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			b.leave(context.WithoutCancel(ctx))
			return
		case <-next.C:
		}
		began := time.Now()
		err := b.beat(ctx)
		next.Reset(pause(err, time.Since(began)))
	}
}

// pause is the time until the next beat. A beat whose time has passed is skipped.
func pause(err error, took time.Duration) time.Duration {
	if isRefusal(err) {
		return refusedPause
	}
	return ledger.BeatEvery - took%ledger.BeatEvery + rand.N(jitter) - jitter/2
}

func (b *Beater) beat(ctx context.Context) error {
	is := b.Who
	is.RoundTrip = b.roundTrip.Microseconds()
	is.Files, is.FilesMost = files()
	if b.Look != nil {
		for _, e := range b.Look(ctx, &is) {
			b.note(e)
		}
	}
	is.At = time.Now().UnixMicro()
	sent := time.Now()
	err := b.Store.Beat(ctx, is)
	b.roundTrip = time.Since(sent)
	if err == nil {
		b.heard, b.refused = true, false
		b.flush(ctx)
	} else {
		b.logRefusal(err)
	}
	return err
}

// isRefusal says that the store's user may not write beats. Any other failure is the store's, and others log it.
func isRefusal(err error) bool {
	refused, is := errors.AsType[*ledger.ServerError](err)
	return is && refused.Code() == "NOPERM"
}

func (b *Beater) logRefusal(err error) {
	if isRefusal(err) && !b.refused {
		b.refused = true
		b.Log.Warn().Err(err).Msg("no beats: nobody sees that this process is there (Redis' ACL: keys spike:beat*, spike:journal)")
	}
}

// note keeps an entry until the store takes it. If too many wait, the oldest goes.
func (b *Beater) note(e ledger.Entry) {
	if e.Who == "" {
		e.Who = b.Who.Node
	}
	e.From = string(b.Who.Kind)
	b.pending = append(b.pending, e)
	b.pending = b.pending[max(len(b.pending)-pendingMost, 0):]
}

func (b *Beater) flush(ctx context.Context) {
	for len(b.pending) > 0 {
		if err := b.Store.Note(ctx, b.pending[0]); err != nil && !isRefusal(err) {
			return
		}
		b.pending = b.pending[1:]
	}
}

// leave ends the beat. A store that does not answer delays the process' end by a call's time.
func (b *Beater) leave(ctx context.Context) {
	if !b.heard {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, ledger.Timeout)
	defer cancel()
	if b.Store.Leave(ctx, b.Who) == nil {
		b.note(ledger.Entry{Did: "stopped"})
		b.flush(ctx)
	}
}
