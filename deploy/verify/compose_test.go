package verify

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

func project(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../compose/compose.yaml"}, cli.WithResolvedPaths(true), cli.WithConsistency(true))
	if err != nil {
		t.Fatal(err)
	}
	p, err := options.LoadProject(context.Background()) // by the schema, with every reference resolved
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCompose(t *testing.T) {
	pinned := regexp.MustCompile(`^[\w./-]+:v?\d+\.\d+(\.\d+)?$`)
	p := project(t)
	for _, want := range []string{"redis", "edge1", "edge2", "nginx", "gate", "orders", "postgres", "dashboard", "prometheus", "grafana"} {
		if _, err := p.GetService(want); err != nil {
			t.Error(err)
		}
	}
	for name, s := range p.Services {
		ours := strings.HasPrefix(s.Image, "spike:")
		if !ours && !pinned.MatchString(s.Image) {
			t.Errorf("%s: image %s has no version", name, s.Image)
		}
		healthy := s.HealthCheck != nil && (s.HealthCheck.Disable || len(s.HealthCheck.Test) > 0)
		if edge := ours && s.Command[0] == "serve"; !healthy && !edge { // the image's own check is an edge's
			t.Errorf("%s has no health check", name)
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %s is open beyond this machine", name, port.Published)
			}
		}
		if ours && (!s.ReadOnly || len(s.CapDrop) == 0 || len(s.SecurityOpt) == 0) {
			t.Errorf("%s may do more than it needs", name)
		}
		for variable := range s.Environment {
			if secret := regexp.MustCompile(`(?i)(password|token|key)$`); secret.MatchString(variable) &&
				!strings.HasPrefix(*s.Environment[variable], "/run/secrets/") {
				t.Errorf("%s: %s is a secret", name, variable)
			}
		}
	}
}

// Each edge has a volume of its own for its ring.
func TestComposeRingsAreApart(t *testing.T) {
	rings := map[string]string{}
	for name, s := range project(t).Services {
		if s.Command == nil || s.Command[0] != "serve" {
			continue
		}
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeVolume || v.Target != "/var/lib/spike" || rings[v.Source] != "" {
				t.Errorf("%s and %s: %+v", name, rings[v.Source], v)
			}
			rings[v.Source] = name
		}
	}
	if len(rings) != 2 {
		t.Error(rings)
	}
}

// Files that are mounted exist. Without them Docker would make folders of their names.
func TestComposeMountsExist(t *testing.T) {
	for name, s := range project(t).Services {
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			if folder := filepath.Dir(v.Source); strings.HasSuffix(folder, "/prometheus") || strings.HasSuffix(folder, "/grafana") {
				if _, err := os.Stat(folder); err != nil {
					t.Logf("skipped: %s: this tree has no %s", name, folder)
					continue
				}
			}
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
