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
	return knownVariables(ctx.Model.Node, os.Environ())
}

// mayBeEmpty says whether the empty value of a flag has a meaning.
func mayBeEmpty(flag *kong.Flag) bool { return flag.Tag.Has("empty") }

func emptySetting(name string) error {
	return fmt.Errorf("%w: %s is there but empty: give it a value, or leave it out", errUsage, name)
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
var notSettings = regexp.MustCompile(`^SPIKE_(BIN|CLOCK|CLOCK_SO|SOAK|LONG|SLOW|ONLY|ORDER_RUNS|(CHAOS|E2E)_.*|` +
	`(.*_)?SERVICE_(HOST|PORT)(_.*)?|(.*_)?PORT(_[0-9]+_(TCP|UDP|SCTP)(_.*)?)?)$`)

// knownVariables refuses a variable whose name is near a setting's name. It warns of any other unknown variable.
func knownVariables(app *kong.Node, environment []string) error {
	known := variables(app)
	for _, pair := range environment {
		name, _, _ := strings.Cut(pair, "=")
		setting, ours := strings.CutPrefix(name, envPrefix)
		if !ours || slices.Contains(known, setting) || notSettings.MatchString(name) {
			continue
		}
		if meant, near := strictyaml.Nearest(setting, known); near {
			return fmt.Errorf("%w: unknown variable %s, did you mean %s%s?", errUsage, name, envPrefix, meant)
		}
		fmt.Fprintf(os.Stderr, "spike: the variable %s is no setting of spike and is ignored\n", name)
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
