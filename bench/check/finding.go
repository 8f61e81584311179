package check

import (
	"fmt"
	"slices"
)

// Level says how bad a finding is.
type Level int

// The levels. Only Failed makes the check fail.
const (
	Fine Level = iota
	Risky
	Failed
)

// Finding is the result of one check.
type Finding struct {
	Level Level
	Text  string
}

func (f Finding) String() string {
	return [...]string{"ok   ", "warn ", "FAIL "}[f.Level] + f.Text
}

func finding(l Level, format string, args ...any) Finding {
	return Finding{l, fmt.Sprintf(format, args...)}
}

// OK is a finding without a fault.
func OK(format string, args ...any) Finding { return finding(Fine, format, args...) }

// Warn names a risk.
func Warn(format string, args ...any) Finding { return finding(Risky, format, args...) }

// Fail names a broken promise.
func Fail(format string, args ...any) Finding { return finding(Failed, format, args...) }

// Passed says whether nothing failed.
func Passed(all []Finding) bool {
	return !slices.ContainsFunc(all, func(f Finding) bool { return f.Level == Failed })
}
