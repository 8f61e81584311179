package strategies

import (
	"strings"
	"testing"
)

func TestNewestServerIsByNumber(t *testing.T) {
	of := func(version string) string { return "/usr/lib/postgresql/" + version + "/bin/postgres" }
	if got := newest([]string{of("9"), of("15"), of("13"), of("x")}); got != of("15") {
		t.Error(got)
	}
}

func TestURLSurvivesAnyPassword(t *testing.T) {
	p := &Postgres{addr: "127.0.0.1:5432", password: "a/b@c:d?"}
	if got := p.URL("run_1"); got != "postgres://spike:a%2Fb%40c%3Ad%3F@127.0.0.1:5432/run_1?sslmode=disable" {
		t.Error(got)
	}
	if got := database(OrderFirst, 3); strings.ContainsRune(got, '-') || got != "order_then_deduct_3" {
		t.Error(got)
	}
}
