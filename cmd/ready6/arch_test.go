package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ready6/probes/verdict"
)

// own is the one direction in which data flows: what each package may import of
// this module. A package that is not listed has no business being there.
var own = map[string][]string{
	"inventory":       {"probes/verdict"},
	"probes/verdict":  {},
	"probes/dial":     {"probes/verdict"},
	"probes/crew":     {},
	"probes/resolve":  {"probes/crew", "probes/dial", "probes/verdict"},
	"probes/dnssec":   {"probes/verdict"},
	"probes/rpki":     {"probes/dial", "probes/verdict"},
	"probes/lab":      {"inventory", "probes/verdict"}, // the vocabularies; nothing of what it tests
	"probes/browser":  {"probes/dial", "probes/verdict"},
	"probes":          {"inventory", "probes/browser", "probes/crew", "probes/dial", "probes/resolve", "probes/dnssec", "probes/rpki", "probes/verdict"},
	"scanner/history": {"inventory", "probes/verdict"},
	"scanner":         {"inventory", "probes", "probes/crew", "probes/verdict"},
	"scanner/nightly": {},
	"scanner/notify":  {"probes/dial"},
	"reports":         {"inventory", "probes/verdict", "reports/docx", "reports/draw", "scanner/history"},
	"reports/docx":    {},
	"reports/draw":    {},
	"cmd/ready6": {"inventory", "probes", "probes/dial", "probes/dnssec", "probes/lab", "probes/resolve", "probes/rpki", "probes/verdict",
		"reports", "scanner", "scanner/history", "scanner/nightly", "scanner/notify"},
}

// fenced says which packages alone may import a foreign one, and why.
var fenced = []struct {
	prefix string
	only   []string
	why    string
}{
	{"github.com/spf13/", []string{"cmd/ready6"}, "configuration and commands are wiring"},
	{"github.com/rs/zerolog", []string{"cmd/ready6", "scanner", "scanner/nightly", "scanner/notify", "reports/web"}, "what is below returns results instead of logging"},
	{"github.com/miekg/dns", []string{"cmd/ready6", "probes", "probes/resolve", "probes/dnssec", "probes/lab"}, "DNS messages stay below the results"},
	{"filippo.io/nistec", []string{"probes/dnssec"}, "points of a curve are for checking signatures"},
	{"github.com/osrg/gobgp/", []string{"probes/rpki", "probes/lab"}, "its parsers panic on foreign bytes: behind own length checks only"},
	{"github.com/osrg/gobgp/v3/pkg/server", nil, "remote crashes, stale VRPs"},
	{"modernc.org/sqlite", []string{"scanner/history"}, "one store"},
	{"github.com/chromedp/", []string{"probes/browser"}, "what drives a browser starts programs"},
	{"github.com/quic-go/", []string{"probes", "probes/lab"}, "over connections of the one door only"},
	{"net/http", []string{"cmd/ready6", "probes", "probes/lab", "reports/web", "scanner/notify"}, "HTTP is a probe's business"},
	{"github.com/wneessen/go-mail", []string{"scanner/notify"}, "mail is submitted over connections of the one door only"},
}

// doors are the functions that open connections or look names up by themselves.
var doors = map[string][]string{
	"net":  {"Dial", "DialTimeout", "DialTCP", "DialUDP", "DialIP", "LookupHost", "LookupIP", "LookupAddr", "LookupMX", "LookupNS", "DefaultResolver", "ResolveTCPAddr", "ResolveUDPAddr"},
	"http": {"Get", "Post", "PostForm", "Head", "DefaultClient", "DefaultTransport"},
	"tls":  {"Dial", "DialWithDialer"},
}

// timeless packages take the time as an argument.
var timeless = []string{"probes/dnssec", "probes/rpki", "probes/verdict", "reports", "reports/docx", "reports/draw"}

// TestArchitecture protects the direction of imports, the one door to the
// network, and the purity of the packages that verdicts rest on.
func TestArchitecture(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range sources(t) {
		seen[f.pkg] = true
		allowed, listed := own[f.pkg]
		if !listed {
			t.Errorf("%s: package %s is not in the map of this test: say what it may import", f.path, f.pkg)
			continue
		}
		for _, im := range f.file.Imports {
			path, _ := strconv.Unquote(im.Path.Value)
			if inner, ok := strings.CutPrefix(path, "ready6/"); ok && !slices.Contains(allowed, inner) {
				t.Errorf("%s imports %s: data flows the other way", f.path, inner)
			}
			for _, fence := range fenced {
				if strings.HasPrefix(path, fence.prefix) && !slices.Contains(fence.only, f.pkg) {
					t.Errorf("%s imports %s: %s", f.path, path, fence.why)
				}
			}
			if f.pkg == "probes/dnssec" && (path == "net/http" || path == "crypto/tls") {
				t.Errorf("%s imports %s: the validator knows no network", f.path, path)
			}
		}
		f.calls(t)
	}
	for pkg := range own {
		if !seen[pkg] {
			t.Errorf("package %s is in the map of this test, but not in the tree", pkg)
		}
	}
}

type source struct {
	path, pkg string
	file      *ast.File
	names     map[string]string // local name of an import → its last element
}

// sources parses every file of the module that is not a test.
func sources(t *testing.T) []source {
	t.Helper()
	root := filepath.Join("..", "..")
	var out []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		s := source{path: rel, pkg: filepath.ToSlash(filepath.Dir(rel)), file: file, names: map[string]string{}}
		for _, im := range file.Imports {
			p, _ := strconv.Unquote(im.Path.Value)
			name := p[strings.LastIndexByte(p, '/')+1:]
			local := name
			if im.Name != nil {
				local = im.Name.Name
			}
			if p == "net" || p == "net/http" || p == "crypto/tls" || p == "time" {
				s.names[local] = name
			}
		}
		out = append(out, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 50 {
		t.Fatalf("only %d source files found: the test looks in the wrong place", len(out))
	}
	return out
}

// calls looks for doors to the network and for clocks.
func (s source) calls(t *testing.T) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := sel.X.(*ast.Ident)
		if !ok {
			return true
		}
		pkg, imported := s.names[x.Name]
		if !imported {
			return true
		}
		if slices.Contains(doors[pkg], sel.Sel.Name) && s.pkg != "probes/dial" && s.pkg != "probes/lab" {
			t.Errorf("%s uses %s.%s: dial is the only door to the network", s.path, pkg, sel.Sel.Name)
		}
		if pkg == "time" && (sel.Sel.Name == "Now" || sel.Sel.Name == "Since") && slices.Contains(timeless, s.pkg) {
			t.Errorf("%s uses time.%s: the time is an argument here", s.path, sel.Sel.Name)
		}
		return true
	})
}

var reasonCode = regexp.MustCompile(`^(aaaa|a|reach4?|dnssec|posture|rpki|closure|browser|mail|reverse|vantage|scan)\.[a-z0-9]+([.-][a-z0-9]+)*$`)

// TestReasonsAreInTheCatalogue protects every sentence: a code that is written
// anywhere in the program has its words in both languages.
func TestReasonsAreInTheCatalogue(t *testing.T) {
	n := 0
	for _, f := range sources(t) {
		if f.path == filepath.Join("reports", "words.go") {
			continue // its keys are states, such as dnssec.bogus
		}
		ast.Inspect(f.file, func(node ast.Node) bool {
			lit, ok := node.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			code, err := strconv.Unquote(lit.Value)
			if err != nil || !reasonCode.MatchString(code) {
				return true
			}
			n++
			if verdict.Lookup(verdict.Reason(code)).Title.EN == code {
				t.Errorf("%s: %s is not in the catalogue", f.path, code)
			}
			return true
		})
	}
	if n < 150 {
		t.Errorf("only %d codes found: the test looks for the wrong thing", n)
	}
}
