// Package manager is the service manager that has started this process: systemd, or whoever speaks its protocol. The manager
// hears when the process is up, reads its settings again, stops, and that it lives. It hands over the socket on which buyers
// connect, so that their connections wait in the socket's queue from the end of one process to the start of the next one.
//
// A process proves that it lives by an answer of its own listener: of an edge's, an answer to a buy (see Answers). Whether a
// process is ready is another question: an edge without its store is not ready, and a restart would not help it.
package manager

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

const (
	looks     = 4                // proofs of life in the time after which the manager ends a silent process
	statusFor = 15 * time.Second // between two looks at the status where there is no watchdog
)

// Manager is the service manager. It may be absent: then nobody hears what is told.
type Manager struct {
	log      zerolog.Logger
	watchdog time.Duration // after so long a silence the manager ends this process; 0: never
	up       atomic.Bool
	status   string // as last told, by Up's goroutine
}

// Find finds the manager in the environment.
func Find(log zerolog.Logger) *Manager {
	m := &Manager{log: log}
	var err error
	if m.watchdog, err = daemon.SdWatchdogEnabled(true); err != nil {
		log.Warn().Err(err).Msg("service manager: its watchdog is not understood; it gets no proof of life")
	}
	return m
}

// Up tells that the process is up, that it lives until ctx ends, and then that it stops. A proof of life is an answer to a buy at
// the buyers' address, or one of /healthz at the side's. Either address may be nil. The status is what /readyz at the side's
// says.
func (m *Manager) Up(ctx context.Context, buyers, side net.Addr) {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return
	}
	m.notify(daemon.SdNotifyReady)
	m.up.Store(true)
	context.AfterFunc(ctx, func() { m.notify(daemon.SdNotifyStopping + "\nSTATUS=draining, settling, giving back") })
	go m.watch(ctx, buyers, side)
}

// Reload tells that settings are read again while do runs.
func (m *Manager) Reload(do func()) {
	if !m.up.Load() { // the manager would take the end of this reload for the end of the start
		do()
		return
	}
	m.notify(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, monotonic()))
	do()
	m.notify(daemon.SdNotifyReady)
}

// monotonic is the clock by which the manager tells an answer to its newest signal from one to an older one, in microseconds.
func monotonic() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // cannot fail: the clock is known, and the memory is ours
	return t.Nano() / int64(time.Microsecond)
}

func (m *Manager) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		m.log.Warn().Err(err).Msg("service manager: it cannot be told")
	}
}

// watch tells proofs of life, and each change of the status.
func (m *Manager) watch(ctx context.Context, buyers, side net.Addr) {
	every := statusFor
	if m.watchdog > 0 {
		every = m.watchdog / looks
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		m.look(ctx, every, buyers, side)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look looks once, for so long at the most. A process that stops is not looked at.
func (m *Manager) look(ctx context.Context, most time.Duration, buyers, side net.Addr) {
	within, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	if err := alive(within, buyers, side); ctx.Err() != nil {
		return
	} else if err != nil {
		m.log.Error().Err(err).Msg("service manager: no proof of life")
	} else if m.watchdog > 0 {
		m.notify(daemon.SdNotifyWatchdog)
	}
	if side == nil {
		return
	}
	if s := status(within, side); ctx.Err() == nil && s != "" && s != m.status {
		m.status = s
		m.notify("STATUS=" + s)
	}
}

func alive(ctx context.Context, buyers, side net.Addr) error {
	switch {
	case buyers != nil:
		return Answers(ctx, buyers, costlessBuy)
	case side != nil:
		return Answers(ctx, side, "/healthz")
	}
	return nil // it has no listener: that this runs is the proof
}
