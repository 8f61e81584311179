//go:build e2e

package check

import (
	"errors"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"spike/bench/rig/rigtest"
)

// spike runs `spike check` to its end.
func spike(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), rigtest.Binary(t), append([]string{"check"}, args...)...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	return string(text), code
}

func TestCommandFailsOnACheat(t *testing.T) {
	url := server(t, func(w http.ResponseWriter, _ int64) { say(w, 200, won(7, "t")) })
	if out, code := spike(t, "--url", url, "--requests", "50", "--connections", "4"); code != 1 ||
		!strings.Contains(out, "FAIL 49 wins of a serial somebody had already: 7") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

func TestCommandExitCodes(t *testing.T) {
	nowhere := rigtest.FreeAddr(t)
	honest := server(t, func(w http.ResponseWriter, _ int64) { say(w, 200, `{"code":-1}`) })
	for _, c := range []struct {
		args []string
		code int
		say  string
	}{
		{[]string{"--url", honest, "--requests", "100"}, 0, "ok   every answer has status 200"},
		{[]string{"--url", honest, "--requests", "100", "--p99", "1ns"}, 1, "FAIL latency"},
		{[]string{"--url", honest + "/x"}, 2, "--url"},
		{[]string{"--url", honest, "--connections", "0"}, 2, "--connections"},
		{[]string{"--url", "http://" + nowhere + "/buy/ticket"}, 3, nowhere},
		{[]string{"--url", honest, "--redis", nowhere}, 3, nowhere},
	} {
		if out, code := spike(t, c.args...); code != c.code || !strings.Contains(out, c.say) {
			t.Errorf("%v: exit %d\n%s", c.args, code, out)
		}
	}
}

func TestCommandLooksAtRedis(t *testing.T) {
	r := rigtest.StartRedis(t)
	honest := server(t, func(w http.ResponseWriter, _ int64) { say(w, 200, `{"code":-1}`) })
	args := []string{"--url", honest, "--redis", r.Addr, "--requests"}
	out, code := spike(t, append(args, "0")...)
	for _, want := range []string{
		"ok   redis version", "ok   maxmemory-policy noeviction", "warn appendonly no", "ok   redis' clock",
	} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, no %q\n%s", code, want, out)
		}
	}
	if out, code = spike(t, append(args, "10")...); code != 1 || !strings.Contains(out, "FAIL audit of ticket") {
		t.Errorf("no sale: exit %d\n%s", code, out)
	}
	if err := r.CreateSale(t.Context(), "ticket", 10, 0); err != nil {
		t.Fatal(err)
	}
	if out, code = spike(t, append(args, "10")...); code != 0 || !strings.Contains(out, "10 = 10 free") {
		t.Errorf("exit %d\n%s", code, out)
	}
}
