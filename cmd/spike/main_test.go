package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// rueidisLooks sleeps on for a second when it has looked whether it speaks to a Cluster.
var rueidisLooks = goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1")

// TestMain is goleak.VerifyTestMain for tests that ask as users do, through net/http's own client, which keeps connections.
func TestMain(m *testing.M) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // under nohup the tests' own children would ignore it
	code := m.Run()
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(rueidisLooks); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, "goleak:", err)
		code = 1
	}
	os.Exit(code)
}
