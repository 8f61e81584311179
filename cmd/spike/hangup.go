package main

import (
	"context"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/rs/zerolog"

	"spike/order/loopback"
)

// services are the commands that run until a signal. SIGHUP does not end them: they read their settings again.
var services = []string{"serve", "orders", "gate", "dashboard"}

// logs is how a service logs; nil: the command is no service.
func (c *cli) logs(command string) *logFlag {
	return map[string]*logFlag{"serve": &c.Serve.logFlag, "orders": &c.Orders.logFlag, "gate": &c.Gate.logFlag,
		"dashboard": &c.Dashboard.logFlag}[command]
}

// hangups has the SIGHUPs of a service.
type hangups <-chan os.Signal

// endSignals returns the signals that end a command and, for a service, its SIGHUPs. If SIGHUP was ignored at the start
// (nohup), it stays ignored.
func endSignals(command string) ([]os.Signal, hangups) {
	end := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if signal.Ignored(syscall.SIGHUP) {
		return end, nil
	}
	if !slices.Contains(services, command) {
		return append(end, syscall.SIGHUP), nil
	}
	c := make(chan os.Signal, 1) // one is enough: a second SIGHUP before the first is read says nothing new
	signal.Notify(c, syscall.SIGHUP)
	return end, c
}

// each calls do for each SIGHUP, until ctx ends.
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

// settings are a command's flags, environment and file. They can be read again.
type settings struct {
	args []string
	now  *kong.Context
}

// reread reads the settings again, and names those that have changed.
func (s *settings) reread() (fresh *cli, changed []string, err error) {
	c, parsed, err := parse(s.args)
	if err != nil {
		return nil, nil, err
	}
	for i, flag := range parsed.Selected().Flags { // both parses have the same flags in the same order
		if !reflect.DeepEqual(flag.Target.Interface(), s.now.Selected().Flags[i].Target.Interface()) {
			changed = append(changed, flag.Name)
		}
	}
	s.now = parsed
	return c, changed, nil
}

// reloaded are the settings that SIGHUP changes.
var reloaded = []string{"token-key", "jwt-key", "log-level", "admin-token", "admin-token-file", "viewer-token",
	"viewer-token-file", "payment-token", "payment-token-file"}

// reloadable is a service whose tokens and log level may change while it runs.
type reloadable interface {
	tokens() (loopback.Secrets, error)
	setLevel()
}

// reload reads the settings of a service again; more reads its further settings. If any setting cannot be used, all stay as
// they are, and reload returns false.
func (s *settings) reload(tokens *loopback.Tokens, log zerolog.Logger, of func(*cli) reloadable, more ...func(*cli) error) bool {
	var admin loopback.Secrets
	fresh, changed, err := s.reread()
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
		log.Error().Str(zerolog.ErrorFieldName, message(err)).Msg("SIGHUP: settings cannot be used; all stay as they were")
		return false
	}
	of(fresh).setLevel()
	tokens.Set(admin)
	changed = slices.DeleteFunc(changed, func(name string) bool { return slices.Contains(reloaded, name) })
	if len(changed) > 0 {
		log.Warn().Strs("settings", changed).Msg("SIGHUP: these settings have changed and take a restart")
	}
	log.Info().Msg("SIGHUP: settings and files are read again")
	return true
}

// errReopen: the listener decides when it opens whether callers need a token.
var errReopen = usagef("the first token, or the end of the last one, takes a restart")
