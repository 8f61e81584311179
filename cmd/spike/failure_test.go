package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"spike/bench"
	"spike/edge"
	problems "spike/edge/answer"
	"spike/luascripts/ledger"
	"spike/nginx"
	"spike/order"
)

// A message has none of the words by which programmers tell errors apart, wherever they stand in it.
func TestMessagesHaveNoSentinel(t *testing.T) {
	for _, f := range failures {
		for _, err := range []error{
			fmt.Errorf("%w: what broke", f.is),
			fmt.Errorf("where: %w: what broke", f.is),
			errors.Join(errors.New("one"), fmt.Errorf("%w: what broke", f.is)),
		} {
			text := message(err)
			told := f.says == "" && strings.Contains(text, f.is.Error())
			if told || !strings.Contains(text, "what broke") || strings.Contains(text, "\n") {
				t.Errorf("%v: %q", err, text)
			}
			if exitCode(err) != f.code {
				t.Errorf("%v: exit %d", err, exitCode(err))
			}
		}
	}
}

func TestMessages(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for _, c := range []struct {
		err  error
		code int
		says string
	}{
		{fmt.Errorf("%w: redis h:1: %w", ledger.ErrDown, refused), exitDependency,
			"no answer: redis h:1: connection refused; is it running there, and does --redis name it?"},
		{fmt.Errorf("%w: redis h:1: %w: 0 of 1", ledger.ErrDown, ledger.ErrReplicas), exitDependency,
			"no answer: redis h:1: too few replicas have what was written: 0 of 1; start the replicas that are gone, or see " +
				"`spike sale reopen --help`"},
		{fmt.Errorf("%w: redis h:1: %w", ledger.ErrDown, &ledger.ServerError{Text: "NOAUTH HELLO must be called with"}), exitDependency,
			"no answer: redis h:1: NOAUTH; it wants a password, or another one: --redis-password-file FILE"},
		{fmt.Errorf("%w: redis h:1: %w", ledger.ErrDown, &ledger.ServerError{Text: "OOM no memory"}), exitDependency,
			"no answer: redis h:1: OOM no memory; is it running there, and does --redis name it?"},
		{ledger.NoSale("ticket"), exitFailed, "ticket_hash_key does not exist; `spike sale list` names the sales"},
		{fmt.Errorf("sale a: %w", ledger.NoSale("a")), exitFailed,
			"sale a: a_hash_key does not exist; `spike sale list` names the sales"},
		{fmt.Errorf("%w: %w: --data: x", edge.ErrConfig, nginx.ErrTopology), exitUsage, "--data: x"},
		{fmt.Errorf("%w: a batch is 1 to 9 rows", order.ErrConfig), exitUsage, "a batch is 1 to 9 rows"},
		{fmt.Errorf("%w: wrk is not installed", bench.ErrDependency), exitDependency, "wrk is not installed"},
		{usagef("--drain: %w", errors.New("initdb failed: x")), exitUsage, "--drain: initdb failed: x"},
		{problems.ErrNoReservation, exitFailed, "there is no such reservation"},
		{errors.New("something else"), exitFailed, "something else"},
	} {
		if text := message(c.err); text != c.says || exitCode(c.err) != c.code {
			t.Errorf("%v: exit %d %q", c.err, exitCode(c.err), text)
		}
	}
}
