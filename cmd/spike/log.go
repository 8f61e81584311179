package main

import (
	"fmt"
	"os"
	"time"

	"github.com/rs/zerolog"
)

// logTime is RFC 3339 with milliseconds: of what happened within a second, and of yesterday, the order is seen.
const logTime = "2006-01-02T15:04:05.000Z07:00"

// newLog is what a command that runs for long says of itself.
func newLog() zerolog.Logger {
	plain := func(v any) string { return fmt.Sprint(v) }
	out := zerolog.ConsoleWriter{Out: os.Stderr, NoColor: true, FormatTimestamp: plain}
	return zerolog.New(out).Hook(zerolog.HookFunc(func(e *zerolog.Event, _ zerolog.Level, _ string) {
		e.Str(zerolog.TimestampFieldName, time.Now().Format(logTime))
	}))
}
