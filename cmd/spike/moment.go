package main

import (
	"fmt"
	"strings"
	"time"
)

// moment is a time on the command line: a time with its zone, or +D for a duration from now.
type moment struct{ time.Time }

// UnmarshalText reads it. Its error names both forms, because the error of a time.Time flag would show a layout of Go.
func (m *moment) UnmarshalText(text []byte) error {
	if wait, later := strings.CutPrefix(string(text), "+"); later {
		d, err := time.ParseDuration(wait)
		if err == nil && d > 0 && !strings.ContainsAny(wait, "+-") {
			m.Time = time.Now().Add(d)
			return nil
		}
	} else if at, err := time.Parse(time.RFC3339, string(text)); err == nil {
		m.Time = at
		return nil
	}
	return fmt.Errorf("%q is neither a time with its zone, such as 2026-11-22T20:00:00+08:00, "+
		"nor a duration from now, such as +10m", text)
}
