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

// rueidisLooks is a goroutine of rueidis. It still sleeps a second after rueidis has asked whether the server is a Cluster.
var rueidisLooks = goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1")

// TestMain does what goleak.VerifyTestMain does, but first closes the connections that net/http's default client keeps.
func TestMain(m *testing.M) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // else, under nohup, the tests' children would ignore it
	code := m.Run()
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(rueidisLooks); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, "goleak:", err)
		code = 1
	}
	os.Exit(code)
}
