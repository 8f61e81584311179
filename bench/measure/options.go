package measure

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"spike/bench"
)

// Check checks the options of an experiment, a struct, against the tags of its fields: range:"1..100" for a number, or for each
// number of a list, range:"1s..10m" for a duration, and step:"1s" if it must be whole seconds. Its error wraps [bench.ErrUsage].
func Check(options any) error {
	v := reflect.ValueOf(options)
	for i := range v.NumField() {
		field := v.Type().Field(i)
		low, high, ranged := strings.Cut(field.Tag.Get("range"), "..")
		if !ranged {
			continue
		}
		one := v.Field(i)
		if one.Kind() != reflect.Slice {
			one = reflect.Append(reflect.MakeSlice(reflect.SliceOf(one.Type()), 0, 1), one)
		}
		for j := range one.Len() {
			if n := one.Index(j); n.Int() < bound(low) || n.Int() > bound(high) {
				return fmt.Errorf("%w: %s %v is not within %s..%s", bench.ErrUsage, flag(field.Name), n.Interface(), low, high)
			} else if step := field.Tag.Get("step"); step != "" && n.Int()%bound(step) != 0 {
				return fmt.Errorf("%w: %s %v is no multiple of %s", bench.ErrUsage, flag(field.Name), n.Interface(), step)
			}
		}
	}
	return nil
}

var hump = regexp.MustCompile(`([a-z])([A-Z])`)

// flag is the flag of a field.
func flag(field string) string { return "--" + strings.ToLower(hump.ReplaceAllString(field, "$1-$2")) }

// bound reads a number or a duration.
func bound(text string) int64 {
	if d, err := time.ParseDuration(text); err == nil {
		return int64(d)
	}
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// Known checks names that were asked for. Its error wraps [bench.ErrUsage] and names the first that does not exist; kind says
// what they are.
func Known(kind string, asked, all []string) error {
	for _, name := range asked {
		if !slices.Contains(all, name) {
			return fmt.Errorf("%w: there is no %s %q: %q", bench.ErrUsage, kind, name, all)
		}
	}
	return nil
}

// Choose returns those of all that were asked for, in the order of all; all of them if none was.
func Choose(asked, all []string) []string {
	some := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return !slices.Contains(asked, name) })
	if len(some) == 0 {
		return all
	}
	return some
}
