package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.yaml.in/yaml/v3"
)

// The files of deploy start commands of this program. Each command there must be one that it takes, with its environment.

const deploy = "../../deploy"

// started is a command that a file starts, and the settings in its environment.
type started struct {
	where string
	args  []string
	env   map[string]string
	grace time.Duration // between the signal to end and the kill; 0: the file does not say
}

// deployed are all commands that files of deploy start.
func deployed(t *testing.T) (all []started) {
	t.Helper()
	all = slices.Concat(unitCommands(t), composeCommands(t), podCommands(t), imageCommands(t), pageCommands(t))
	for _, want := range []string{"serve", "gate", "orders", "dashboard", "nginx", "check", "sale", "audit"} {
		if !slices.ContainsFunc(all, func(s started) bool { return s.args[0] == want }) {
			t.Errorf("no file starts spike %s: the test does not see it", want)
		}
	}
	return all
}

func TestDeployedCommandsAreOnesThatSpikeTakes(t *testing.T) {
	for _, s := range deployed(t) {
		t.Run(s.where+" "+s.args[0], func(t *testing.T) {
			for name, value := range s.env {
				t.Setenv(name, value)
			}
			c, parsed, err := parse(s.local())
			if err != nil {
				t.Fatalf("spike %q: %v", s.args, err)
			}
			if s.grace == 0 || parsed.Command() != "serve" {
				return
			}
			if least := c.Serve.Drain + c.Serve.Grace + time.Second; s.grace < least {
				t.Errorf("it is killed after %v, and may take %v", s.grace, least)
			}
		})
	}
}

// local is the arguments with this repository's topology in place of the installed one.
func (s started) local() []string {
	args := slices.Clone(s.args)
	for i, a := range args {
		if strings.HasSuffix(a, "/topology.yaml") {
			args[i] = filepath.Join(deploy, "compose", "topology.yaml")
		}
	}
	return args
}

// Each variable that is named anywhere in deploy is a setting.
func TestDeployedVariablesAreSettings(t *testing.T) {
	var c cli
	known := variables(newParser(&c).Model.Node)
	name := regexp.MustCompile(`\bSPIKE_([A-Z0-9_]+)\b`)
	found := 0
	err := filepath.WalkDir(deploy, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range name.FindAllStringSubmatch(string(text), -1) {
			found++
			if !slices.Contains(known, m[1]) && !notSettings.MatchString(m[0]) {
				t.Errorf("%s: %s is no setting", path, m[0])
			}
		}
		return err
	})
	if err != nil || found == 0 {
		t.Fatal(found, err)
	}
}

// unitCommands reads the systemd units.
func unitCommands(t *testing.T) (all []started) {
	files, err := filepath.Glob(deploy + "/systemd/*.service")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	specifiers := strings.NewReplacer("%i", "3001", "%d", "/run/credentials/x", "%S", "/var/lib", "%H", "host")
	for _, file := range files {
		s := started{where: file, env: map[string]string{}}
		text := specifiers.Replace(uncommented(strings.ReplaceAll(read(t, file), "\\\n", " ")))
		for line := range strings.Lines(text) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			switch key {
			case "EnvironmentFile":
				if name, ours := strings.CutPrefix(value, "/etc/spike/"); ours { // with a minus before it the file may be absent
					addAll(s.env, assignments(strings.Fields(uncommented(read(t, deploy+"/systemd/"+name)))))
				}
			case "Environment":
				addAll(s.env, assignments(strings.Fields(value)))
			case "TimeoutStopSec":
				if s.grace, err = time.ParseDuration(value); err != nil {
					t.Errorf("%s: %v", file, err)
				}
			case "ExecStart":
				s.args = commandOf(t, file, strings.Fields(value), "/usr/bin/spike")
			}
		}
		if len(s.args) > 0 {
			all = append(all, s)
		}
	}
	return all
}

// composeCommands reads compose.yaml: commands and health checks of the services that run our image.
func composeCommands(t *testing.T) (all []started) {
	file := deploy + "/compose/compose.yaml"
	var c struct {
		Services map[string]struct {
			Image       string
			Command     []string
			Environment map[string]string
			Stop        time.Duration `yaml:"stop_grace_period"`
			Healthcheck struct{ Test []string }
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, file)), &c); err != nil {
		t.Fatal(err)
	}
	for name, s := range c.Services {
		if !strings.HasPrefix(s.Image, "spike:") {
			continue
		}
		where := file + ": " + name
		all = append(all, started{where, s.Command, s.Environment, s.Stop})
		if len(s.Healthcheck.Test) > 0 {
			all = append(all, started{where, commandOf(t, where, s.Healthcheck.Test[1:], "/spike"), s.Environment, 0})
		}
	}
	return all
}

// pod is what of a Kubernetes manifest we look at.
type pod struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	Spec     struct {
		Template struct {
			Spec struct {
				Grace      int `yaml:"terminationGracePeriodSeconds"`
				Containers []podContainer
				Init       []podContainer `yaml:"initContainers"`
			}
		}
	}
}

type podContainer struct {
	Name, Image string
	Args        []string
	Env         []struct{ Name, Value string }
	EnvFrom     []struct {
		Map struct{ Name string } `yaml:"configMapRef"`
	} `yaml:"envFrom"`
}

// podCommands reads the Kubernetes manifests.
func podCommands(t *testing.T) (all []started) {
	files, err := filepath.Glob(deploy + "/kubernetes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	maps := map[string]map[string]string{}
	var pods []pod
	for _, file := range files {
		for d := yaml.NewDecoder(strings.NewReader(read(t, file))); ; {
			var p pod
			if err := d.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if p.Kind == "ConfigMap" {
				maps[p.Metadata.Name] = p.Data
			}
			pods = append(pods, p)
		}
	}
	for _, p := range pods {
		spec := p.Spec.Template.Spec
		for _, c := range slices.Concat(spec.Init, spec.Containers) {
			if c.Image == "spike" {
				grace := time.Duration(spec.Grace) * time.Second
				all = append(all, started{"kubernetes: " + p.Metadata.Name + " " + c.Name, c.Args, c.env(maps), grace})
			}
		}
	}
	return all
}

func (c podContainer) env(maps map[string]map[string]string) map[string]string {
	env := map[string]string{}
	for _, from := range c.EnvFrom {
		addAll(env, maps[from.Map.Name])
	}
	for _, e := range c.Env {
		if env[e.Name] = e.Value; e.Value == "" {
			env[e.Name] = "from the pod"
		}
	}
	return env
}

// imageCommands reads the Dockerfile: what the image does when nothing is said, and its health check.
func imageCommands(t *testing.T) (all []started) {
	file := deploy + "/docker/Dockerfile"
	text := strings.ReplaceAll(read(t, file), "\\\n", " ")
	for _, m := range regexp.MustCompile(`(?m)^(?:HEALTHCHECK .*)?\bCMD (\[.*\])`).FindAllStringSubmatch(text, -1) {
		var args []string
		if err := yaml.Unmarshal([]byte(m[1]), &args); err != nil {
			t.Fatal(err)
		}
		if args[0] == "/spike" {
			args = args[1:]
		}
		all = append(all, started{where: file, args: args})
	}
	if len(all) != 2 {
		t.Errorf("%s: %d commands", file, len(all))
	}
	return all
}

// pageCommands reads the lines of README.md's code blocks that begin with spike, or pass a command to a container's /spike.
func pageCommands(t *testing.T) (all []started) {
	file := deploy + "/README.md"
	code := false
	for line := range strings.Lines(read(t, file)) {
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		line, _, _ = strings.Cut(line, " #")
		words := strings.Fields(line)
		at := slices.IndexFunc(words, func(w string) bool { return w == "spike" || w == "/spike" })
		if code && at >= 0 && at+1 < len(words) && (at == 0 || words[at] == "/spike") {
			all = append(all, started{where: file, args: words[at+1:]})
		}
	}
	return all
}

func commandOf(t *testing.T, where string, words []string, program string) []string {
	t.Helper()
	if len(words) < 2 || words[0] != program {
		t.Fatalf("%s: %q does not start %s", where, words, program)
	}
	return words[1:]
}

func uncommented(text string) string {
	return regexp.MustCompile(`(?m)^\s*#.*$`).ReplaceAllString(text, "")
}

func assignments(words []string) map[string]string {
	all := map[string]string{}
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		all[name] = value
	}
	return all
}

func addAll(to, from map[string]string) {
	for name, value := range from {
		to[name] = value
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(text)) + "\n"
}

// The secrets that compose.yaml names are those that the script makes, and Spike takes them.
func TestComposeSecretsAreMade(t *testing.T) {
	dir := t.TempDir()
	script := func() ([]byte, error) { return exec.Command("sh", deploy+"/compose/secrets", dir).CombinedOutput() }
	if out, err := script(); err != nil {
		t.Fatalf("%s %v", out, err)
	}
	var c struct {
		Secrets map[string]struct{ File string }
	}
	if err := yaml.Unmarshal([]byte(read(t, deploy+"/compose/compose.yaml")), &c); err != nil || len(c.Secrets) == 0 {
		t.Fatal(c, err)
	}
	for name, s := range c.Secrets {
		if s.File != "./secret/"+name || len(read(t, filepath.Join(dir, name))) < 40 {
			t.Errorf("%s: %s", name, s.File)
		}
	}
	before := read(t, dir+"/token.key")
	if out, err := script(); err != nil || read(t, dir+"/token.key") != before {
		t.Errorf("a second run: %s %v", out, err)
	}
	serve := ServeCmd{TokenKey: dir + "/token.key"}
	if keys, err := serve.tokenKeys(zerolog.Nop()); err != nil || len(keys) != 1 {
		t.Error(len(keys), err)
	}
	if _, err := (storeFlag{Redis: "h:1", RedisPasswordFile: dir + "/redis.password"}).options(); err != nil {
		t.Error(err)
	}
}
