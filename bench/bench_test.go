package bench

import (
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestToolNamesThePackage(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Tool("ab")
	if !errors.Is(err, ErrDependency) || !strings.Contains(err.Error(), "apache2-utils") {
		t.Fatalf("got %v", err)
	}
	if _, err = Tool("frobnicate"); !errors.Is(err, ErrDependency) {
		t.Fatalf("got %v", err)
	}
}

func TestNumber(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -100: "-100", -1000: "-1,000"} {
		if got := Number(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}
