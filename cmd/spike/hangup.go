package main

import (
	"context"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"
)

// runsOn are the commands that SIGHUP does not end: they read their settings again.
var runsOn = []string{"serve", "orders", "gate"}

// hangups are the SIGHUPs for a command that runs on. Who ignored SIGHUP before us (nohup) goes on ignoring it.
type hangups <-chan os.Signal

// ends are the signals that end a command; its SIGHUPs, if they do not.
func ends(command string) ([]os.Signal, hangups) {
	end := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if signal.Ignored(syscall.SIGHUP) {
		return end, nil
	}
	if !slices.Contains(runsOn, command) {
		return append(end, syscall.SIGHUP), nil
	}
	c := make(chan os.Signal, 1) // a second one before the first is heard says nothing new
	signal.Notify(c, syscall.SIGHUP)
	return end, c
}

// each does something for each of them, until ctx ends.
func (h hangups) each(ctx context.Context, do func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h:
			do()
		}
	}
}

// settings are what a command was told, by flags, environment and file. They can be read again.
type settings struct {
	args []string
	now  *kong.Context
}

// again reads them again, and names those that are others now.
func (s *settings) again() (*cli, []string, error) {
	c, parsed, err := parse(s.args)
	if err != nil {
		return nil, nil, err
	}
	var others []string
	for i, flag := range parsed.Selected().Flags { // the same, in the same order
		if !reflect.DeepEqual(flag.Target.Interface(), s.now.Selected().Flags[i].Target.Interface()) {
			others = append(others, flag.Name)
		}
	}
	s.now = parsed
	return c, others, nil
}

// without are the names that are in one list and not in the other.
func without(names []string, known ...string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(known, name) })
}
