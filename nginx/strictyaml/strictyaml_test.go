package strictyaml

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

type settings struct {
	Listen string            `yaml:"listen"`
	Wait   time.Duration     `yaml:"wait"`
	From   netip.Addr        `yaml:"from"`
	Limit  *int              `yaml:"limit"`
	Sales  []string          `yaml:"sales"`
	Labels map[string]string `yaml:"labels"`
	Any    any               `yaml:"any"`
	Edges  []edge            `yaml:"edges"`
	Inner  inner             `yaml:",inline"`
	Hidden string            `yaml:"-"`
	Plain  bool
}

type edge struct {
	Addr   string `yaml:"addr"`
	Weight int    `yaml:"weight"`
}

type inner struct {
	NodeName string `yaml:"node-name"`
}

func TestDecode(t *testing.T) {
	limit := 7
	got := settings{Listen: "default", Plain: true}
	err := Decode([]byte(`
# a comment
wait: 1m30s
from: 127.0.0.1
limit: 7
sales: [ticket, hat]
labels: {zone: "a"}
any: {deep: [1, 2]}
node-name: n1
edges:
  - {addr: "127.0.0.1:1", weight: 2}
`), &got)
	if err != nil {
		t.Fatal(err)
	}
	want := settings{
		Listen: "default", Plain: true, Wait: 90 * time.Second, From: netip.MustParseAddr("127.0.0.1"),
		Limit: &limit, Sales: []string{"ticket", "hat"}, Labels: map[string]string{"zone": "a"},
		Any: map[string]any{"deep": []any{1, 2}}, Inner: inner{"n1"}, Edges: []edge{{"127.0.0.1:1", 2}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestDecodeEmptyChangesNothing(t *testing.T) {
	for _, text := range []string{"", "\n", "# only a comment\n", "---\n", "~\n"} {
		got := settings{Listen: "default"}
		if err := Decode([]byte(text), &got); err != nil || got.Listen != "default" {
			t.Errorf("%q: %v, %+v", text, err, got)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown", "listen: a\nlisen: b\n", `line 2: lisen: unknown key; did you mean "listen"?`},
		{"unknown, nested", "edges:\n  - addr: a\n    wieght: 2\n",
			`line 3: edges[0].wieght: unknown key; did you mean "weight"?`},
		{"unknown, inline", "nodename: a", `line 1: nodename: unknown key; did you mean "node-name"?`},
		{"unknown, far", "edges: [{colour: red}]", `line 1: edges[0].colour: unknown key; known are addr, weight`},
		{"hidden", "hidden: a", "line 1: hidden: unknown key; known are "},
		{"merge", "<<: {listen: a}", "line 1: <<: unknown key"},
		{"twice", "listen: a\n\nlisten: b", "line 3: listen: given twice, first in line 1"},
		{"no value", "edges:\n  - {addr: a, weight: }", "line 2: edges[0].weight: has no value"},
		{"null pointer", "limit: ~", "line 1: limit: has no value"},
		{"wrong type", "edges: [{weight: heavy}]", "line 1: edges[0].weight: cannot unmarshal !!str `heavy` into int"},
		{"fraction", "limit: 1.5", "line 1: limit: must be a whole number"},
		{"wrong duration", "wait: soon", "line 1: wait: "},
		{"wrong address", "from: here", "line 1: from: "},
		{"list for value", "listen: [a]", "line 1: listen: must be one value, not a list"},
		{"value for list", "edges: a", "line 1: edges: must be a list, not one value"},
		{"keys for list", "sales: {a: b}", "line 1: sales: must be a list, not keys and values"},
		{"value for keys", "edges: [a]", "line 1: edges[0]: must be keys and values, not one value"},
		{"top", "- a", "line 1: must be keys and values, not a list"},
		{"key of keys", "? {a: b}\n: c", "line 1: a key must be one word, not keys and values"},
		{"alias", "listen: &a x\nplain: *a", "line 2: aliases are not supported"},
		{"two documents", "listen: a\n---\nlisten: b", "line 2: a second document"},
		{"syntax", "listen: [", "line 1: "},
		{"syntax behind the end", "listen: a\n---\nlisten: [", "line 3: "},
		{"too long", strings.Repeat("#", MaxBytes+1), "longer than 1048576 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s settings
			err := Decode([]byte(c.text), &s)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got  %s\nwant %s", err, c.want)
			}
		})
	}
}

func TestDecodeNeedsAPointer(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a value was accepted")
		}
	}()
	_ = Decode(nil, settings{})
}

func TestNearest(t *testing.T) {
	known := []string{"listen", "gate_dir", "edges", "addr", "weight", "workers"}
	for name, want := range map[string]string{
		"lisen": "listen", "Listen": "listen", "gatedir": "gate_dir", "gate-dir": "gate_dir", "edge": "edges",
		"address": "addr", "wieght": "weight", "worker": "workers", "colour": "", "": "", "x": "",
		strings.Repeat("listen", 100): "",
	} {
		if got, ok := Nearest(name, known); got != want || ok != (want != "") {
			t.Errorf("%q: got %q %v, want %q", name, got, ok, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"listen: a\nedges: [{addr: b, weight: 1}]", "any: {a: [*b]}", "from: 1", "labels: {a: b}", "? : ", "--- ---",
		"a: &a [*a]", "!!binary a: !!x b",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s settings
		err := Decode(data, &s)
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("not an *Error: %v", err)
		}
	})
}

func FuzzNearest(f *testing.F) {
	f.Add("wieght", "weight")
	f.Fuzz(func(t *testing.T, name, known string) {
		if got, ok := Nearest(name, []string{known}); ok && got != known {
			t.Errorf("got %q, which is not known", got)
		}
		if len(fold(known)) <= maxName && known != "" && fold(known) != "" {
			if _, ok := Nearest(known, []string{known}); !ok {
				t.Errorf("%q is not near itself", known)
			}
		}
	})
}
