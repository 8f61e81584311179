package loopback

import (
	"net"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var hosts = map[string]bool{
	"localhost": true, "localhost:3007": true, "127.0.0.1": true, "127.0.0.1:3007": true, "127.9.9.9:1": true, "[::1]": true,
	"[::1]:3007": true, "::1": true, "[::ffff:127.0.0.1]:3007": true,
	"": false, ":3007": false, "evil.example": false, "evil.example:3007": false, "127.0.0.1.evil.example": false,
	"localhost.evil.example:3007": false, "10.0.0.1:3007": false, "0.0.0.0:3007": false, "[::]:3007": false, "127.1": false,
	"2130706433": false, "0x7f.1": false, "localhost:3007:3007": false, "127.0.0.1:80@evil.example": false,
	"[fe80::1%lo]:1": false,
}

func TestMeans(t *testing.T) {
	for host, want := range hosts {
		if got := Means(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

// FuzzMeans: every Host that counts as this machine is localhost or a loopback address, as the resolver reads it.
func FuzzMeans(f *testing.F) {
	for host := range hosts {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if !Means(host) {
			return
		}
		name, _, err := net.SplitHostPort(host)
		if err != nil {
			name = host
		}
		name, _, _ = strings.Cut(strings.Trim(name, "[]"), "%")
		if ip := net.ParseIP(name); name != "localhost" && !ip.IsLoopback() {
			t.Errorf("%q is not this machine", host)
		}
	})
}
