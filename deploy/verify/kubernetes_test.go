package verify

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	network "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// cluster is what the manifests make.
type cluster struct {
	pods     map[string]core.PodTemplateSpec // by their owner's name
	grown    map[string][]core.PersistentVolumeClaim
	services []core.Service
	budgets  []policy.PodDisruptionBudget
	networks []network.NetworkPolicy
	maps     []string
}

// readCluster decodes every manifest into Kubernetes' type of its kind. An unknown or misspelt field is an error.
func readCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{pods: map[string]core.PodTemplateSpec{}, grown: map[string][]core.PersistentVolumeClaim{}}
	var list struct{ Resources []string }
	decode(t, "kustomization.yaml", file(t, "kustomization.yaml"), &list, false)
	files, _ := filepath.Glob("../kubernetes/*.yaml")
	for _, path := range files {
		name := filepath.Base(path)
		if name == "kustomization.yaml" {
			continue
		}
		if !slices.Contains(list.Resources, name) {
			t.Errorf("kustomization.yaml does not have %s", name)
		}
		for _, text := range bytes.Split(file(t, name), []byte("\n---\n")) {
			c.add(t, name, text)
		}
	}
	if len(list.Resources) != len(files)-1 {
		t.Errorf("%d resources, %d files", len(list.Resources), len(files)-1)
	}
	return c
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("../kubernetes/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func decode(t *testing.T, name string, text []byte, to any, strict bool) {
	t.Helper()
	read := yaml.UnmarshalStrict
	if !strict {
		read = func(text []byte, to any, o ...yaml.JSONOpt) error { return yaml.Unmarshal(text, to, o...) }
	}
	if err := read(text, to); err != nil {
		t.Errorf("%s: %v\n%.200s", name, err, text)
	}
}

func (c *cluster) add(t *testing.T, name string, text []byte) {
	t.Helper()
	var kind meta.TypeMeta
	decode(t, name, text, &kind, false)
	switch kind.APIVersion + " " + kind.Kind {
	case "v1 Namespace":
		decode(t, name, text, &core.Namespace{}, true)
	case "v1 ConfigMap":
		var m core.ConfigMap
		decode(t, name, text, &m, true)
		c.maps = append(c.maps, m.Name)
	case "v1 Service":
		var s core.Service
		decode(t, name, text, &s, true)
		c.services = append(c.services, s)
	case "apps/v1 StatefulSet":
		var s apps.StatefulSet
		decode(t, name, text, &s, true)
		c.pods[s.Name], c.grown[s.Name] = s.Spec.Template, s.Spec.VolumeClaimTemplates
		c.selects(t, s.Name, s.Spec.Selector)
	case "apps/v1 Deployment":
		var d apps.Deployment
		decode(t, name, text, &d, true)
		c.pods[d.Name] = d.Spec.Template
		c.selects(t, d.Name, d.Spec.Selector)
	case "policy/v1 PodDisruptionBudget":
		var b policy.PodDisruptionBudget
		decode(t, name, text, &b, true)
		c.budgets = append(c.budgets, b)
	case "networking.k8s.io/v1 NetworkPolicy":
		var n network.NetworkPolicy
		decode(t, name, text, &n, true)
		c.networks = append(c.networks, n)
	default:
		t.Errorf("%s: %s %s is not expected", name, kind.APIVersion, kind.Kind)
	}
}

// selects says whether an owner's selector finds its own pods.
func (c *cluster) selects(t *testing.T, owner string, s *meta.LabelSelector) {
	t.Helper()
	if found := c.find(t, s); !slices.Contains(found, owner) {
		t.Errorf("%s does not find its pods, but those of %v", owner, found)
	}
}

// find returns the owners of the pods that a selector finds.
func (c *cluster) find(t *testing.T, s *meta.LabelSelector) (owners []string) {
	t.Helper()
	selector, err := meta.LabelSelectorAsSelector(s)
	if err != nil {
		t.Fatal(err)
	}
	for owner, p := range c.pods {
		if selector.Matches(labels.Set(p.Labels)) {
			owners = append(owners, owner)
		}
	}
	return owners
}

// ports says whether a pod has a port of this name.
func hasPort(p core.PodTemplateSpec, name string) bool {
	return slices.ContainsFunc(p.Spec.Containers, func(c core.Container) bool {
		return slices.ContainsFunc(c.Ports, func(port core.ContainerPort) bool { return port.Name == name })
	})
}

func TestPods(t *testing.T) {
	c := readCluster(t)
	for _, want := range []string{"spike-edge", "spike-front", "spike-orders", "spike-dashboard"} {
		if _, has := c.pods[want]; !has {
			t.Errorf("there is no %s", want)
		}
	}
	for owner, p := range c.pods {
		var volumes []string
		for _, v := range p.Spec.Volumes {
			volumes = append(volumes, v.Name)
			if m := v.ConfigMap; m != nil && !slices.Contains(c.maps, m.Name) {
				t.Errorf("%s: there is no ConfigMap %s", owner, m.Name)
			}
		}
		for _, v := range c.grown[owner] {
			volumes = append(volumes, v.Name)
		}
		for _, one := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
			checkContainer(t, owner, p, one, volumes)
			for _, e := range one.EnvFrom {
				if !slices.Contains(c.maps, e.ConfigMapRef.Name) {
					t.Errorf("%s: there is no ConfigMap %s", owner, e.ConfigMapRef.Name)
				}
			}
		}
	}
}

func checkContainer(t *testing.T, owner string, p core.PodTemplateSpec, c core.Container, volumes []string) {
	t.Helper()
	where := owner + " " + c.Name
	for _, m := range c.VolumeMounts {
		if !slices.Contains(volumes, m.Name) {
			t.Errorf("%s: there is no volume %s", where, m.Name)
		}
	}
	for _, probe := range []*core.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		if probe == nil {
			continue
		}
		port := intstr.IntOrString{}
		if probe.HTTPGet != nil {
			port = probe.HTTPGet.Port
		} else if probe.TCPSocket != nil {
			port = probe.TCPSocket.Port
		}
		if !hasPort(p, port.StrVal) {
			t.Errorf("%s: a probe of port %q", where, port.StrVal)
		}
	}
	s := c.SecurityContext
	if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.ReadOnlyRootFilesystem == nil ||
		!*s.ReadOnlyRootFilesystem || s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) {
		t.Errorf("%s may do more than it needs: %+v", where, s)
	}
	if c.Image != "spike" && !strings.Contains(c.Image, ":") {
		t.Errorf("%s: %s has no version", where, c.Image)
	}
}

func TestServicesBudgetsAndPolicies(t *testing.T) {
	c := readCluster(t)
	edges := 0
	for _, s := range c.services {
		if strings.HasPrefix(s.Name, "spike-edge-") {
			edges++
			delete(s.Spec.Selector, "statefulset.kubernetes.io/pod-name") // the cluster sets it
		}
		found := c.find(t, &meta.LabelSelector{MatchLabels: s.Spec.Selector})
		if len(found) != 1 {
			t.Errorf("service %s finds %v", s.Name, found)
			continue
		}
		for _, p := range s.Spec.Ports {
			if !hasPort(c.pods[found[0]], p.TargetPort.StrVal) {
				t.Errorf("service %s: port %q", s.Name, p.TargetPort.StrVal)
			}
		}
	}
	topology := string(file(t, "settings.yaml"))
	if n := strings.Count(topology, `{addr: "spike-edge-`); n != edges || !strings.Contains(string(file(t, "edge.yaml")), "replicas: 3") ||
		n != 3 {
		t.Errorf("%d edges in the topology, %d services", n, edges)
	}
	budgeted := map[string]bool{}
	for _, b := range c.budgets {
		for _, owner := range c.find(t, b.Spec.Selector) {
			budgeted[owner] = true
		}
	}
	if !budgeted["spike-edge"] || !budgeted["spike-front"] || !budgeted["spike-orders"] {
		t.Error(budgeted)
	}
	for _, n := range c.networks {
		if found := c.find(t, &n.Spec.PodSelector); len(found) == 0 {
			t.Errorf("policy %s is for nobody", n.Name)
		}
		for _, rule := range n.Spec.Ingress {
			for _, port := range rule.Ports {
				for _, owner := range c.find(t, &n.Spec.PodSelector) {
					if !hasPort(c.pods[owner], port.Port.StrVal) {
						t.Errorf("policy %s: %s has no port %q", n.Name, owner, port.Port.StrVal)
					}
				}
			}
		}
	}
}
