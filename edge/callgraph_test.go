//go:build !race

// This test only reads source, so the race detector would find nothing, and take a minute.

package edge

import (
	"fmt"
	"go/types"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/ssa/ssautil"
)

// calls is the calls in edge/..., by name: static calls, function literals and functions that are passed on, and calls of an
// interface's method if a type of edge/... has it.
type calls map[string][]string

const ourPackages = "spike/edge/"

// loadCalls reads the packages beneath spike/edge, without their tests.
func loadCalls(t *testing.T) (calls, []*ssa.Function, []*packages.Package) {
	t.Helper()
	cfg := &packages.Config{Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles |
		packages.NeedImports | packages.NeedDeps |
		packages.NeedExportFile | packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo | packages.NeedTypesSizes}
	read, err := packages.Load(cfg, "spike/edge/...")
	if err != nil || packages.PrintErrors(read) > 0 {
		t.Fatal("the packages cannot be read: ", err)
	}
	program, _ := ssautil.Packages(read, ssa.BuilderMode(0))
	program.Build()
	graph := calls{}
	var ours []*ssa.Function
	for f := range ssautil.AllFunctions(program) {
		if isOurs(f) && f.Blocks != nil {
			ours = append(ours, f)
		}
	}
	methods := map[string][]*ssa.Function{}
	for _, f := range ours {
		if f.Signature.Recv() != nil {
			methods[f.Name()] = append(methods[f.Name()], f)
		}
	}
	for _, f := range ours {
		graph[f.String()] = callees(f, methods)
	}
	return graph, ours, read
}

func isOurs(f *ssa.Function) bool {
	path := ""
	if f.Pkg != nil {
		path = f.Pkg.Pkg.Path() + "/"
	}
	return strings.HasPrefix(path, ourPackages) && !strings.Contains(path, "/internal/") && f.Synthetic == ""
}

// callees is the functions of edge/... that f calls or passes on.
func callees(f *ssa.Function, methods map[string][]*ssa.Function) (all []string) {
	for _, block := range f.Blocks {
		for _, in := range block.Instrs {
			// the package is nil for an error's method
			if call, ok := in.(ssa.CallInstruction); ok && call.Common().IsInvoke() && call.Common().Method.Pkg() != nil {
				of := call.Common().Value.Type().Underlying().(*types.Interface)
				for _, m := range methods[call.Common().Method.Name()] {
					if types.Implements(m.Signature.Recv().Type(), of) {
						all = append(all, m.String())
					}
				}
			}
			for _, operand := range in.Operands(nil) {
				switch g := (*operand).(type) {
				case *ssa.Function:
					all = append(all, ourName(g)...)
				case *ssa.Global: // a table of functions, which is filled as the program begins
					if strings.Contains(g.Type().String(), "func(") {
						all = append(all, handedOn(g.Pkg.Func("init"))...)
					}
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// handedOn is the functions that f mentions.
func handedOn(f *ssa.Function) (all []string) {
	for _, block := range f.Blocks {
		for _, in := range block.Instrs {
			for _, operand := range in.Operands(nil) {
				if g, ok := (*operand).(*ssa.Function); ok {
					all = append(all, ourName(g)...)
				}
			}
		}
	}
	return all
}

func ourName(f *ssa.Function) []string {
	if f = origin(f); f == nil {
		return nil
	}
	return []string{f.String()}
}

// origin is the function behind a bound method or an instance of a generic function. It is nil if the function is not ours.
func origin(f *ssa.Function) *ssa.Function {
	if o := f.Origin(); o != nil {
		f = o
	}
	if f.Synthetic != "" && f.Object() != nil {
		if of := f.Prog.FuncValue(f.Object().(*types.Func)); of != nil {
			f = of
		}
	}
	if !isOurs(f) {
		return nil
	}
	return f
}

// reach is all functions that are called from a function on.
func (c calls) reach(from string) map[string]bool {
	seen, todo := map[string]bool{}, []string{from}
	for len(todo) > 0 {
		f := todo[0]
		todo = todo[1:]
		if !seen[f] {
			seen[f] = true
			todo = append(todo, c[f]...)
		}
	}
	return seen
}

// TestBuysRunOneWay: on the way of a buy no two functions call each other in a circle, and no function calls itself. `go test -v`
// prints the way.
func TestBuysRunOneWay(t *testing.T) {
	graph, functions, read := loadCalls(t)
	const handler = "(*spike/edge.Server).handle"
	way := graph.reach(handler)
	for _, must := range []string{"(*spike/edge/buy.Seller).Decide", "spike/edge/buy.Admit", "(*spike/edge/answer.Format).Write",
		"(*spike/edge/allotment.Allotment).Take", "(*spike/edge/identity.Who).Identify"} {
		if !way[must] {
			t.Errorf("%s is not on the way: the test reads the calls wrongly, or the name has changed", must)
		}
	}
	for f := range way {
		for _, g := range graph[f] {
			if graph.reach(g)[f] {
				t.Errorf("%s and %s call each other, perhaps through others", short(f), short(g))
			}
		}
	}
	var picture strings.Builder
	graph.print(&picture, handler, 0, map[string]bool{})
	var holders []string
	for _, f := range functions {
		if holdsRequestCtx(f) {
			holders = append(holders, short(f.String()))
		}
	}
	if slices.Sort(holders); len(holders) > 18 {
		t.Errorf("%d functions hold a RequestCtx: %v", len(holders), holders)
	}
	t.Logf("%d functions are on the way, %d hold a RequestCtx: %v\n%s", len(way), len(holders), holders, &picture)
	wantImports(t, read)
}

// print prints the calls, each function's own calls once.
func (c calls) print(to *strings.Builder, f string, depth int, seen map[string]bool) {
	again := ""
	if seen[f] {
		again = " ..."
	}
	fmt.Fprintf(to, "%s%s%s\n", strings.Repeat("  ", depth), short(f), again)
	if seen[f] {
		return
	}
	seen[f] = true
	for _, g := range c[f] {
		c.print(to, g, depth+1, seen)
	}
}

func short(name string) string { return strings.ReplaceAll(name, "spike/edge", "edge") }

// holdsRequestCtx says that a function has a RequestCtx as a parameter or as a captured variable.
func holdsRequestCtx(f *ssa.Function) bool {
	is := func(t types.Type) bool { return strings.HasSuffix(t.String(), "fasthttp.RequestCtx") }
	return slices.ContainsFunc(f.Params, func(p *ssa.Parameter) bool { return is(p.Type()) }) ||
		slices.ContainsFunc(f.FreeVars, func(v *ssa.FreeVar) bool { return is(v.Type()) })
}

// rooms is the packages of the edge from the bottom up, and the packages of edge that each may import.
var rooms = map[string]string{
	"allotment": "", "secret": "", "token": "secret", "identity": "secret", "listener": "", "fastpath": "", "ringdir": "allotment",
	"sales": "allotment ringdir",
	"buy":   "allotment sales", "answer": "buy identity sales token", "admin": "answer identity listener sales",
	"dashboard": "admin answer buy",
	"":          "admin allotment answer buy dashboard fastpath identity listener ringdir sales token",
}

// wantImports checks the packages' imports.
func wantImports(t *testing.T, read []*packages.Package) {
	t.Helper()
	for _, p := range read {
		room := strings.TrimPrefix(strings.TrimPrefix(p.PkgPath, "spike/edge"), "/")
		if strings.HasPrefix(room, "internal/") {
			continue
		}
		may, known := rooms[room]
		if !known {
			t.Errorf("%s is in no plan", p.PkgPath)
		}
		for path := range p.Imports {
			other, ours := strings.CutPrefix(path, ourPackages)
			switch {
			case ours && !slices.Contains(strings.Fields(may), other):
				t.Errorf("%s imports %s", p.PkgPath, path)
			case (room == "buy" || room == "sales") && (path == "net/http" || strings.Contains(path, "fasthttp") ||
				path == "encoding/json" && room == "buy"):
				t.Errorf("%s imports %s: it knows no HTTP", p.PkgPath, path)
			}
		}
	}
}
