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

// logTime is RFC 3339 with milliseconds. It shows the order of lines within a second, and on different days.
const logTime = "2006-01-02T15:04:05.000Z07:00"

// logFlag is how a service logs.
type logFlag struct {
	LogLevel  string `enum:"debug,info,warn,error" default:"info" help:"The lowest level that is logged: ${enum}."`
	LogFormat string `enum:"text,json" default:"text" help:"Log lines as text, or each as an object of JSON."`
}

const jsonLines = "json" // of --log-format and --output

// open opens the log of a command that runs until a signal. From now on SIGPIPE is ignored, so the process survives the end of
// the log's reader.
func (f logFlag) open() (zerolog.Logger, *lines) {
	signal.Ignore(syscall.SIGPIPE)
	f.setLevel()
	out := newLines(os.Stderr, linesLost[f.LogFormat])
	return f.logger(out), out
}

// logger writes to out in the format of the flag.
func (f logFlag) logger(out io.Writer) zerolog.Logger {
	if f.LogFormat != jsonLines {
		asIs := func(v any) string { return fmt.Sprint(v) }
		out = zerolog.ConsoleWriter{Out: out, NoColor: true, FormatTimestamp: asIs}
	}
	return zerolog.New(out).Hook(zerolog.HookFunc(func(e *zerolog.Event, _ zerolog.Level, _ string) {
		e.Str(zerolog.TimestampFieldName, time.Now().Format(logTime))
	}))
}

func (f logFlag) setLevel() {
	if level, err := zerolog.ParseLevel(f.LogLevel); err == nil { // the enum allows only levels
		zerolog.SetGlobalLevel(level)
	}
}

const (
	linesWaiting = 4096        // lines that wait for a slow reader
	linesGrace   = time.Second // how long Close waits for the reader
)

// lines writes a log line by line. It never makes a caller wait for the reader: a line that the reader does not take is lost,
// and counted.
type lines struct {
	out     io.Writer
	loss    string // the format of a line that reports lost lines: since the last report, in all
	waiting chan []byte
	closing chan struct{}
	ended   chan struct{}
	lost    atomic.Uint64
}

// linesLost is how a log reports lost lines, by --log-format.
var linesLost = map[string]string{
	"text":    "log: %d lines were lost, %d in all\n",
	jsonLines: `{"level":"warn","message":"log: %d lines were lost, %d in all"}` + "\n",
}

func newLines(out io.Writer, loss string) *lines {
	l := &lines{out: out, loss: loss, waiting: make(chan []byte, linesWaiting), closing: make(chan struct{}),
		ended: make(chan struct{})}
	go l.run()
	return l
}

// Write takes a line. It never fails: zerolog would report the failure to stderr, where the line could not be written.
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
	for reported := uint64(0); ; {
		select {
		case line := <-l.waiting:
			reported = l.put(line, reported)
		case <-l.closing:
			for {
				select {
				case line := <-l.waiting:
					reported = l.put(line, reported)
				default:
					return
				}
			}
		}
	}
}

// put writes a line and reports lines that were lost since the last report. It returns how many lost lines are reported now.
func (l *lines) put(line []byte, reported uint64) uint64 {
	if _, err := l.out.Write(line); err != nil {
		l.lost.Add(1)
		return reported
	}
	if lost := l.lost.Load(); lost > reported {
		if _, err := fmt.Fprintf(l.out, l.loss, lost-reported, lost); err == nil {
			return lost
		}
	}
	return reported
}

// Close writes the lines that wait, if the reader takes them in time. Write must not be called after it.
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
		Help: "Lines of this process's log that were lost because no reader took them."},
		func() float64 { return float64(l.lost.Load()) })
}
