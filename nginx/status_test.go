package nginx

import (
	"strings"
	"testing"
)

// The gate asks where nginx tells its counts, by an address of this machine.
func TestStatusURL(t *testing.T) {
	for text, want := range map[string]string{
		"listen: :8080":                               "http://127.0.0.1:8080/.spike/status",
		"listen: 0.0.0.0:80":                          "http://127.0.0.1:80/.spike/status",
		"listen: '[::]:80'":                           "http://[::1]:80/.spike/status",
		"listen: 10.1.2.3:80":                         "http://10.1.2.3:80/.spike/status",
		"listen: front.example:80":                    "http://front.example:80/.spike/status",
		"listen: :80\nstatus: on":                     "http://127.0.0.1:80/.spike/status",
		"listen: :80\nstatus: '[::1]:81'":             "http://[::1]:81/.spike/status",
		"listen: :80\nstatus: off":                    "",
		"listen: :443\ntls: {certificate: a, key: b}": "https://127.0.0.1:443/.spike/status",
	} {
		topology, err := Parse([]byte(text + "\ngate_dir: /run/gate\nedges: [{addr: 'a:1', weight: 1}]"))
		if got := topology.StatusURL(); err != nil || got != want {
			t.Errorf("%q: %q, not %q (%v)", text, got, want, err)
		}
	}
	if topology, err := Parse([]byte("listen: :80\nedges: [{addr: 'a:1', weight: 1}]")); err != nil || topology.StatusURL() != "" {
		t.Errorf("without a gate: %q %v", topology.StatusURL(), err)
	}
}

// A gate that asks at the machine's own address may.
func TestStatusIsForThisMachine(t *testing.T) {
	topology := Topology{Listen: "10.1.2.3:80", GateDir: "/run/gate", Edges: []Edge{{"127.0.0.1:3001", 1}}}
	var conf strings.Builder
	if err := Render(&conf, topology); err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(conf.String(), "location = /.spike/status {")
	block, _, _ = strings.Cut(block, "}")
	if got := strings.Join(strings.Fields(block), " "); got !=
		"stub_status; allow 127.0.0.0/8; allow ::1; allow 10.1.2.3; deny all;" {
		t.Error(got)
	}
}
