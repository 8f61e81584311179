package bench

import (
	"errors"
	"strings"
	"testing"
)

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
