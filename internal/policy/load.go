package policy

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"

	"github.com/breakwater-project/breakwater/event"
)

// Options is what a bundle is compiled against.
type Options struct {
	// Shipped has one directory for each part that a manifest may extend.
	Shipped fs.FS
	// Parts are the shipped parts of the default bundle.
	Parts []string
	// Everywhere are jurisdictions whose rules apply to the whole world,
	// besides those that the manifest names.
	Everywhere []string
	// Signals are the names that detectors can give; a rule that reads another
	// one is an error. Nil admits every name.
	Signals []string
}

// Manifest is the name of the file that describes an operator's bundle.
const Manifest = "bundle.yaml"

// Load compiles the bundle whose manifest is in dir, with every YAML file in
// and below dir and the shipped parts that the manifest extends. A nil dir is
// the bundle "default": all of Options.Parts. The error, if any, is an Errors
// with every fault that was found.
func Load(dir fs.FS, o Options) (*Bundle, error) {
	l := &loader{
		options: o, lists: map[string][]string{}, notices: map[string]*notice{},
		countersByName: map[string]*counterSource{}, seen: map[string]position{},
	}
	m := manifest{name: "default", extends: o.Parts}
	if dir != nil {
		m = l.manifest(dir)
	}
	for _, part := range m.extends {
		if slices.Contains(o.Parts, part) {
			l.part(part)
		}
	}
	if dir != nil {
		l.directory(dir, "")
	}
	b := l.link(m)
	if faults := l.errors.sorted(); len(faults) > 0 {
		return nil, faults
	}
	return b, nil
}

// loader gathers the parts of one bundle, and what is wrong with them.
type loader struct {
	options    Options
	errors     Errors
	warnings   Errors
	files      int
	size       int  // bytes of all files
	full       bool // the limit has been reported
	lists      map[string][]string
	notices    map[string]*notice
	notes      []noticeSource
	resources  []Resource
	rules      []*ruleSource
	safeguards []*Safeguard
	counters   []*counterSource
	budgets    []Budget
	seen       map[string]position // by "<what> <name>"

	countersByName map[string]*counterSource
}

type noticeSource struct {
	file   *file
	notice *notice
}

type manifest struct {
	name       string
	extends    []string
	everywhere []string
	disable    map[string]position
}

func (l *loader) manifest(dir fs.FS) manifest {
	m := manifest{disable: map[string]position{}}
	f := l.open(dir, Manifest, "")
	if f == nil {
		return m
	}
	root := f.root()
	if root == nil {
		l.errors.add(position{file: Manifest}, "needs at least bundle: <name>")
		return m
	}
	f.fields(root, "bundle, extends, everywhere, disable", func(key string, v *yaml.Node) bool {
		switch key {
		case "bundle":
			m.name = f.matching(v, idPattern, "lower-case letters, digits, '.', '_' or '-'")
		case "extends":
			f.items(v, func(item *yaml.Node) { m.extends = append(m.extends, f.partName(item, l.options)) })
		case "everywhere":
			m.everywhere = f.jurisdictions(v)
		case "disable":
			f.items(v, func(item *yaml.Node) { m.disable[f.string(item)] = f.at(item) })
		default:
			return false
		}
		return true
	})
	if m.name == "" {
		f.fault(root, "bundle: <name> is required")
	}
	return m
}

// partName reads the name of a shipped part.
func (f *file) partName(n *yaml.Node, o Options) string {
	name := f.string(n)
	if name != "" && !slices.Contains(o.Parts, name) {
		f.fault(n, "%q is not a shipped part: want one of %s", name, strings.Join(o.Parts, ", "))
	}
	return name
}

// part reads the rule files of one shipped part.
func (l *loader) part(name string) {
	dir, err := fs.Sub(l.options.Shipped, name)
	if err != nil {
		l.errors.add(position{file: name}, "can't be read: %v", err)
		return
	}
	l.directory(dir, name+"/")
}

// open reads one file; nil and a reported fault if it can't be.
func (l *loader) open(dir fs.FS, name, prefix string) *file {
	at := position{file: prefix + name}
	if l.files++; l.files > MaxFiles || l.size > MaxSize {
		if !l.full {
			l.full = true
			l.errors.add(at, "more than %d files, or %d bytes in all", MaxFiles, MaxSize)
		}
		return nil
	}
	info, err := fs.Stat(dir, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.errors.add(at, "there is no such file")
		return nil
	case err == nil && info.Size() > MaxFileSize:
		l.errors.add(at, "larger than %d bytes", MaxFileSize)
		return nil
	}
	data, err := fs.ReadFile(dir, name)
	if err != nil || len(data) > MaxFileSize {
		l.errors.add(at, "can't be read: %v", err)
		return nil
	}
	l.size += len(data)
	return &file{path: prefix + name, text: string(data), errors: &l.errors}
}

// directory reads every rule file in and below dir, but for the banks of
// detectors.
func (l *loader) directory(dir fs.FS, prefix string) {
	err := fs.WalkDir(dir, ".", func(name string, entry fs.DirEntry, err error) error {
		base := path.Base(name)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && base != "." && strings.HasPrefix(base, "."):
			return fs.SkipDir
		case entry.IsDir() && (name == "terms" || name == "hosts"):
			return fs.SkipDir // banks of detectors stand there
		case entry.IsDir() || strings.HasPrefix(base, ".") || strings.HasSuffix(base, "_test.yaml") || name == Manifest:
		case strings.HasSuffix(base, ".yml"):
			l.errors.add(position{file: prefix + name}, "rule files end in .yaml: this one would be ignored")
		case strings.HasSuffix(base, ".yaml"):
			l.read(dir, name, prefix)
		}
		return nil
	})
	if err != nil {
		l.errors.add(position{file: prefix + "."}, "can't be read: %v", err)
	}
}

func (l *loader) read(dir fs.FS, name, prefix string) {
	f := l.open(dir, name, prefix)
	if f == nil {
		return
	}
	root := f.root()
	if root == nil {
		return
	}
	f.fields(root, "rules, safeguards, counters, budgets, lists, notices, resources", func(key string, v *yaml.Node) bool {
		switch key {
		case "rules":
			f.items(v, func(item *yaml.Node) { l.rules = append(l.rules, f.rule(item)) })
		case "safeguards":
			f.items(v, func(item *yaml.Node) { l.safeguards = append(l.safeguards, f.safeguard(item)) })
		case "counters":
			f.items(v, func(item *yaml.Node) { l.counters = append(l.counters, f.counter(item)) })
		case "budgets":
			f.items(v, func(item *yaml.Node) { l.budgets = append(l.budgets, f.budget(item)) })
		case "lists":
			l.readLists(f, v)
		case "notices":
			f.fields(v, "names", func(id string, v *yaml.Node) bool {
				if l.once(f, v, "notice", id) {
					l.notices[id] = f.notice(id, v)
					l.notes = append(l.notes, noticeSource{f, l.notices[id]})
				}
				return true
			})
		case "resources":
			f.items(v, func(item *yaml.Node) { l.resources = append(l.resources, f.resource(item)) })
		default:
			return false
		}
		return true
	})
}

func (l *loader) readLists(f *file, n *yaml.Node) {
	f.fields(n, "names", func(name string, v *yaml.Node) bool {
		if !idPattern.MatchString(name) {
			f.fault(v, "a list's name is lower-case letters, digits, '.', '_' or '-'")
			return true
		}
		list := []string{}
		f.items(v, func(item *yaml.Node) { list = append(list, f.string(item)) })
		if l.once(f, v, "list", name) {
			l.lists[name] = list
		}
		return true
	})
}

// once reports a second definition of the same thing.
func (l *loader) once(f *file, n *yaml.Node, what, name string) bool {
	if first, ok := l.seen[what+" "+name]; ok {
		f.fault(n, "%s %s is already defined at %s:%d", what, name, first.file, first.line)
		return false
	}
	l.seen[what+" "+name] = f.at(n)
	return true
}

// link checks what spans files, compiles the rules and puts the bundle together.
func (l *loader) link(m manifest) *Bundle {
	b := &Bundle{
		name: m.name, lists: l.lists, notices: l.notices, resources: l.resources,
		everywhere: expand(slices.Concat(m.everywhere, l.options.Everywhere)), byType: map[event.Type][]*rule{},
	}
	if len(l.rules) > MaxRules {
		l.errors.add(position{file: Manifest}, "more than %d rules", MaxRules)
		return nil
	}
	l.linkNotices()
	l.linkCounters()
	l.identify()
	l.disable(m)
	l.countPlaces(b)
	b.inputs = l.compile(b)
	for _, g := range l.safeguards {
		b.safeguards = append(b.safeguards, &safeguard{Safeguard: *g, places: b.places.mask(g.Jurisdictions)})
	}
	slices.SortFunc(b.rules, func(x, y *rule) int { return strings.Compare(x.ID, y.ID) })
	slices.SortFunc(b.counters, func(x, y *counter) int { return strings.Compare(x.Name, y.Name) })
	slices.SortFunc(b.safeguards, func(x, y *safeguard) int { return strings.Compare(x.ID, y.ID) })
	b.budgets = slices.SortedFunc(slices.Values(l.budgets), func(x, y Budget) int { return strings.Compare(x.ID, y.ID) })
	b.index()
	b.warnings = l.warnings.sorted()
	b.digest = b.sum()
	b.pool = &sync.Pool{New: func() any { return newState(b.inputs) }}
	return b
}

// linkNotices joins rules to their notices, and notices to their resources.
func (l *loader) linkNotices() {
	topics := map[string]bool{}
	for _, r := range l.resources {
		topics[r.Topic] = true
	}
	for _, note := range l.notes {
		for i, topic := range note.notice.Topics {
			if topic != "" && !topics[topic] {
				note.file.fault(note.notice.topics[i], "no resource has the topic %q", topic)
			}
		}
		note.notice.link(l.resources)
	}
	for _, r := range l.rules {
		if r.Notice != "" && l.notices[r.Notice] == nil {
			r.file.fault(r.notice, "there is no notice %q", r.Notice)
		}
	}
}

// identify finds ids that are taken twice. Rules, safeguards and budgets share
// them.
func (l *loader) identify() {
	for _, r := range l.rules {
		if r.ID != "" {
			l.once(r.file, r.node, "rule", r.ID)
		}
	}
	for _, g := range l.safeguards {
		if first, taken := l.seen["rule "+g.ID]; taken && g.ID != "" {
			l.errors.add(position{g.File, g.Line, 1}, "rule %s is already defined at %s:%d", g.ID, first.file, first.line)
		}
		l.seen["rule "+g.ID] = position{file: g.File, line: g.Line}
	}
	for i := range l.budgets {
		b := &l.budgets[i]
		if first, taken := l.seen["rule "+b.ID]; taken && b.ID != "" {
			l.errors.add(position{b.File, b.Line, 1}, "rule %s is already defined at %s:%d", b.ID, first.file, first.line)
		}
		l.seen["rule "+b.ID] = position{file: b.File, line: b.Line}
	}
}

// disable marks what the manifest turns off.
func (l *loader) disable(m manifest) {
	for _, r := range l.rules {
		_, r.Disabled = m.disable[r.ID]
	}
	for _, g := range l.safeguards {
		_, g.Disabled = m.disable[g.ID]
	}
	for i := range l.budgets {
		_, l.budgets[i].Disabled = m.disable[l.budgets[i].ID]
	}
	for id, at := range m.disable {
		if _, found := l.seen["rule "+id]; !found {
			l.errors.add(at, "there is no rule %q to disable", id)
		}
	}
}

// countPlaces numbers the jurisdictions that rules and safeguards name.
func (l *loader) countPlaces(b *Bundle) {
	var names []string
	for _, r := range l.rules {
		names = append(names, r.Jurisdictions...)
	}
	for _, g := range l.safeguards {
		names = append(names, g.Jurisdictions...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > maxPlaces {
		l.errors.add(position{file: Manifest}, "more than %d different jurisdictions", maxPlaces)
		names = names[:maxPlaces]
	}
	b.places = newPlaces(names)
}

// index sorts the rules that can ever be on by the event types they are for.
func (b *Bundle) index() {
	types := event.Types()
	for _, r := range b.rules {
		types = append(types, r.Events...)
	}
	for _, r := range b.rules {
		if r.Disabled || !r.CanHold() {
			continue
		}
		every := slices.Contains(r.Events, "*")
		if every {
			b.anyType = append(b.anyType, r)
		}
		for _, t := range types {
			rules := b.byType[t]
			listed := len(rules) > 0 && rules[len(rules)-1] == r
			if !listed && (every || slices.Contains(r.Events, t)) {
				b.byType[t] = append(rules, r)
			}
		}
	}
	b.indexCounters()
}
