package main

import (
	"fmt"
	"strings"
	"time"
)

// moment is a time on the command line: as a clock shows it, or so long from now.
type moment struct{ time.Time }

// UnmarshalText reads it. An error names both forms, for a flag's own error would show a layout of Go.
func (m *moment) UnmarshalText(text []byte) error {
	said := string(text)
	if wait, later := strings.CutPrefix(said, "+"); later {
		d, err := time.ParseDuration(wait)
		if err == nil && d > 0 && !strings.ContainsAny(wait, "+-") {
			m.Time = time.Now().Add(d)
			return nil
		}
	} else if at, err := time.Parse(time.RFC3339, said); err == nil {
		m.Time = at
		return nil
	}
	return fmt.Errorf("%q is neither a time with its zone, such as 2026-11-22T20:00:00+08:00, nor so long from now, such as +10m", said)
}
