package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// logTime is RFC 3339 with milliseconds: of what happened within a second, and of yesterday, the order is seen.
const logTime = "2006-01-02T15:04:05.000Z07:00"

// logFlag is what a command that runs on says, and how much of it.
type logFlag struct {
	LogLevel string `enum:"debug,info,warn,error" default:"info" help:"The least that is logged: debug, info, warn or error."`
}

// open is the log of a command that runs on. From now on no reader's end ends this process: SIGPIPE is ignored.
func (f logFlag) open() (zerolog.Logger, *lines) {
	signal.Ignore(syscall.SIGPIPE)
	f.setLevel()
	out := newLines(os.Stderr)
	plain := func(v any) string { return fmt.Sprint(v) }
	said := zerolog.ConsoleWriter{Out: out, NoColor: true, FormatTimestamp: plain}
	return zerolog.New(said).Hook(zerolog.HookFunc(func(e *zerolog.Event, _ zerolog.Level, _ string) {
		e.Str(zerolog.TimestampFieldName, time.Now().Format(logTime))
	})), out
}

func (f logFlag) setLevel() {
	if level, err := zerolog.ParseLevel(f.LogLevel); err == nil { // the enum has no other
		zerolog.SetGlobalLevel(level)
	}
}

const (
	linesWaiting = 4096        // for a reader that stands still
	linesGrace   = time.Second // for it at the end
)

// lines writes a log line by line. Nobody waits for whoever reads them: what he does not take is lost, and counted.
type lines struct {
	out     io.Writer
	waiting chan []byte
	closing chan struct{}
	ended   chan struct{}
	lost    atomic.Uint64
}

func newLines(out io.Writer) *lines {
	l := &lines{out: out, waiting: make(chan []byte, linesWaiting), closing: make(chan struct{}), ended: make(chan struct{})}
	go l.run()
	return l
}

// Write takes a line. It never fails: zerolog would say so where the line could not be written.
func (l *lines) Write(line []byte) (int, error) {
	select {
	case l.waiting <- append([]byte(nil), line...):
	default:
		l.lost.Add(1)
	}
	return len(line), nil
}

func (l *lines) run() {
	defer close(l.ended)
	for told := uint64(0); ; {
		select {
		case line := <-l.waiting:
			told = l.put(line, told)
		case <-l.closing:
			for {
				select {
				case line := <-l.waiting:
					told = l.put(line, told)
				default:
					return
				}
			}
		}
	}
}

// put writes a line and, once somebody reads again, how many nobody has read.
func (l *lines) put(line []byte, told uint64) uint64 {
	if _, err := l.out.Write(line); err != nil {
		l.lost.Add(1)
		return told
	}
	if lost := l.lost.Load(); lost > told {
		if _, err := fmt.Fprintf(l.out, "log: %d lines were lost, %d in all\n", lost-told, lost); err == nil {
			return lost
		}
	}
	return told
}

// Close writes what waits, if somebody reads it. Nothing may be written any more.
func (l *lines) Close() {
	close(l.closing)
	select {
	case <-l.ended:
	case <-time.After(linesGrace):
	}
}

// metric counts the lines that were lost.
func (l *lines) metric() prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "spike_log_lost_lines_total",
		Help: "Lines of this process's log that nobody took."}, func() float64 { return float64(l.lost.Load()) })
}
