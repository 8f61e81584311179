package luascripts

import (
	"reflect"
	"strings"
	"testing"
)

// Whoever changes a script finds its bound in its head.
func TestEveryScriptSaysItsWork(t *testing.T) {
	for field := range reflect.TypeFor[scripts]().Fields() {
		head, _, _ := strings.Cut(source(field.Name), "\nlocal ")
		if !strings.Contains(head, "\n-- Work    ") {
			t.Errorf("the head of %s.lua says nothing of the most that it does", field.Name)
		}
	}
}
