package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

// rueidisLooks is a goroutine of rueidis. It still sleeps a second after rueidis has asked whether the server is a Cluster.
var rueidisLooks = goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1")

// TestMain lets this test binary be `spike` in scripts.
func TestMain(m *testing.M) {
	testscript.Main(leakless{m}, map[string]func(){"spike": main})
}

// leakless are tests that leave no goroutine behind.
type leakless struct{ *testing.M }

// Run does what goleak.VerifyTestMain does, but first closes the connections that net/http's default client keeps.
func (m leakless) Run() int {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // else, under nohup, the tests' children would ignore it
	code := m.M.Run()
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(rueidisLooks); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, "goleak:", err)
		code = 1
	}
	return code
}
