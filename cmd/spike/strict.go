package main

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"spike/nginx/strictyaml"
)

// envPrefix begins the names of settings in the environment.
const envPrefix = "SPIKE_"

// BeforeResolve refuses settings that are there but empty: a variable that another program should have filled must not count
// as absent. It names variables that are no settings.
func (c *cli) BeforeResolve(ctx *kong.Context) error {
	for _, flag := range ctx.Flags() {
		for _, name := range flag.Envs {
			if value, set := os.LookupEnv(name); set && value == "" && !mayBeEmpty(flag) {
				return emptySetting(name)
			}
		}
	}
	for _, given := range ctx.Path {
		if given.Flag != nil && isEmpty(ctx.Value(given)) && !mayBeEmpty(given.Flag) {
			return emptySetting("--" + given.Flag.Name)
		}
	}
	command := ctx.Selected()
	return knownVariables(ctx.Model.Node, command != nil && slices.Contains(services, command.Name), os.Environ())
}

// mayBeEmpty says whether the empty value of a flag has a meaning.
func mayBeEmpty(flag *kong.Flag) bool { return flag.Tag.Has("empty") }

func emptySetting(name string) error {
	return usagef("%s is there but empty: give it a value, or leave it out", name)
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		return v.Len() == 0
	case reflect.Slice:
		for i := range v.Len() {
			if !isEmpty(v.Index(i)) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

// notSettings are variables that begin with SPIKE_ and are no settings: those of our tests, and those that Kubernetes sets for
// a service called spike.
var notSettings = regexp.MustCompile(`^SPIKE_(BIN|CLOCK|CLOCK_SO|SOAK|LONG|SLOW|ONLY|ORDER_RUNS|TRACES|STAGE|(CHAOS|E2E)_.*|` +
	`(.*_)?SERVICE_(HOST|PORT)(_.*)?|(.*_)?PORT(_[0-9]+_(TCP|UDP|SCTP)(_.*)?)?)$`)

// serviceVariables gives each setting of a service its variable. Of other commands only the flags that say so have one.
func serviceVariables(k *kong.Kong) error {
	for _, command := range k.Model.Children {
		for _, flag := range command.Flags {
			switch {
			case len(flag.Envs) == 0 && slices.Contains(services, command.Name):
				flag.Envs = []string{envPrefix + strings.ReplaceAll(strings.ToUpper(flag.Name), "-", "_")}
			case slices.Equal(flag.Envs, []string{"-"}):
				flag.Envs = nil
			}
			flag.Tag.Envs = flag.Envs
		}
	}
	return nil
}

// knownVariables warns of each variable that is no setting of any command, and names the setting that was probably meant. A
// service does not start with a variable that nearly is a setting, because it would run without it.
func knownVariables(app *kong.Node, service bool, environment []string) error {
	known := variables(app)
	for _, pair := range environment {
		name, _, _ := strings.Cut(pair, "=")
		setting, ours := strings.CutPrefix(name, envPrefix)
		if !ours || slices.Contains(known, setting) || notSettings.MatchString(name) {
			continue
		}
		meant, near := strictyaml.Nearest(setting, known)
		switch {
		case near && service:
			return usagef("unknown variable %s, did you mean %s%s?", name, envPrefix, meant)
		case near:
			fmt.Fprintf(os.Stderr, "spike: unknown variable %s is ignored, did you mean %s%s?\n", name, envPrefix, meant)
		default:
			fmt.Fprintf(os.Stderr, "spike: the variable %s is no setting of spike and is ignored\n", name)
		}
	}
	return nil
}

// variables returns the names of the variables that a command and its subcommands read, without the prefix.
func variables(n *kong.Node) (names []string) {
	for _, flag := range n.Flags {
		for _, env := range flag.Envs {
			names = append(names, strings.TrimPrefix(env, envPrefix))
		}
	}
	for _, child := range n.Children {
		names = append(names, variables(child)...)
	}
	return names
}
