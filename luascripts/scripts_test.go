package luascripts

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"spike/luascripts/ledger"
)

// luaFiles are the names of all files of a kind.
func luaFiles(t *testing.T, kind string) (names []string) {
	t.Helper()
	for _, f := range must[[]string](t)(filesIn("lua/" + kind)) {
		name, isLua := strings.CutSuffix(path.Base(f), ".lua")
		if !isLua {
			t.Errorf("lua/%s/%s is no Lua", kind, f)
		}
		names = append(names, name)
	}
	return names
}

func filesIn(dir string) (names []string, err error) {
	entries, err := sources.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// The head of each script says what it is given, what it answers, the most work that it does, what it needs, which rows of a
// unit's life it carries out, and what Redis and the store must know of it.
func TestEveryScriptSaysItsWork(t *testing.T) {
	var s scripts
	if in := slices.Sorted(maps.Keys(s.named())); !slices.Equal(in, luaFiles(t, "script")) {
		t.Fatalf("lua/script has %v, Go knows %v", luaFiles(t, "script"), in)
	}
	rows := map[string]bool{"3": true} // only the edge carries it out
	for _, name := range luaFiles(t, "script") {
		text := source("script", name)
		for _, row := range headOf(text).rows {
			rows[row] = true
		}
		if first := "-- " + name + ".lua: "; !strings.HasPrefix(text, first) {
			t.Errorf("%s.lua does not begin with %q", name, first)
		}
		for _, line := range []string{"ARGV  ", "Work    ", "Reply ", "needs: ", "row: ", "flags: "} {
			if n := strings.Count("\n"+text, "\n-- "+line); n != 1 {
				t.Errorf("the head of %s.lua has %d lines %q", name, n, line)
			}
		}
		for _, flag := range headOf(text).flags {
			if flag != "no-writes" && flag != "widens" {
				t.Errorf("%s.lua has a flag that nobody knows: %s", name, flag)
			}
		}
	}
	if len(rows) != 14 {
		t.Errorf("the rows of a unit's life that some script carries out: %v", rows)
	}
	for _, name := range luaFiles(t, "lib") {
		if text := source("lib", name); !strings.HasPrefix(text, "-- "+name+".lua") || strings.Count(text, "\n-- needs: ") != 1 {
			t.Errorf("the head of %s.lua does not say its name and what it needs", name)
		}
	}
}

// Every lib is needed by a script, and comes after all that it needs itself.
func TestLibsComeInOrder(t *testing.T) {
	used := map[string]bool{"base": true} // by all
	for _, name := range luaFiles(t, "script") {
		libs := libsFor(headOf(source("script", name)).needs)
		for i, lib := range libs {
			used[lib] = true
			for _, other := range headOf(source("lib", lib)).needs {
				if at := slices.Index(libs, other); at < 0 || at > i {
					t.Errorf("%s.lua: %s comes before %s, which it needs: %v", name, lib, other, libs)
				}
			}
		}
	}
	for _, lib := range luaFiles(t, "lib") {
		if !used[lib] {
			t.Errorf("no script needs %s.lua", lib)
		}
	}
}

// Every line of every file is found again in every script that has it, and in the library.
func TestLinesAreFoundAgain(t *testing.T) {
	s := newScripts(ledger.DefaultBounds())
	again := func(name, text string, files []placed) (last string) {
		for i, line := range strings.Split(text, "\n") {
			at := where(files, i+1)
			file, n, found := strings.Cut(at, ".lua:")
			if !found {
				continue
			}
			last = file
			kind, file, _ := strings.Cut(file, "/")
			number, err := strconv.Atoi(n)
			if lines := strings.Split(source(kind, file), "\n"); err != nil || lines[number-1] != line {
				t.Fatalf("line %d of %s is %q, not %s", i+1, name, line, at)
			}
		}
		return last
	}
	for name, one := range s.named() {
		if last := again(name, one.text, one.files); last != "script/"+name {
			t.Errorf("the last line of %s is in %s", name, last)
		}
	}
	again("the library", s.library.text, s.library.files)
	if all := len(luaFiles(t, "lib")) + len(luaFiles(t, "script")); len(s.library.files) != all {
		t.Errorf("the library has %d files of %d", len(s.library.files), all)
	}
}
