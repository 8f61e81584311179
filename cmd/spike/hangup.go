package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/rs/zerolog"

	"spike/order/loopback"
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

// reloaded are the settings that SIGHUP changes.
var reloaded = []string{"token-key", "jwt-key", "admin-token", "admin-token-file", "log-level"}

// reloadable is a command whose admin tokens and log level may change while it runs.
type reloadable interface {
	tokens() ([]string, error)
	setLevel()
}

// reload reads the settings of a command again; more reads what it has beside admin tokens and log level. If any of them cannot
// be used, all stay as they are (false).
func (s *settings) reload(tokens *loopback.Tokens, log zerolog.Logger, of func(*cli) reloadable, more ...func(*cli) error) bool {
	var admin []string
	fresh, others, err := s.again()
	if err == nil {
		admin, err = of(fresh).tokens()
	}
	for _, read := range more {
		if err == nil {
			err = read(fresh)
		}
	}
	if err == nil && (len(admin) == 0) != tokens.None() {
		err = errReopen
	}
	if err != nil {
		log.Error().Err(err).Msg("SIGHUP: settings cannot be used; all stay as they were")
		return false
	}
	of(fresh).setLevel()
	tokens.Set(admin...)
	if unheard := without(others, reloaded...); len(unheard) > 0 {
		log.Warn().Strs("settings", unheard).Msg("SIGHUP: these have changed and take a restart")
	}
	log.Info().Msg("SIGHUP: settings and files are read again")
	return true
}

// errReopen: who may enter without a token is decided when the listener opens.
var errReopen = fmt.Errorf("%w: that there is an admin token, or none, takes a restart", errUsage)
