package app

import (
	"testing"
	"time"

	"github.com/breakwater-project/breakwater/internal/config"
	"github.com/breakwater-project/breakwater/internal/counter"
	"github.com/breakwater-project/breakwater/internal/counter/countertest"
)

// The configured engine counts, under the installation's own secret.
func TestOpenCounters(t *testing.T) {
	for engine, flags := range map[string]map[string]string{
		"memory": {},
		"redis":  {"counters.engine": "redis", "counters.timeout": "10s"},
	} {
		t.Run(engine, func(t *testing.T) {
			flags["data"] = t.TempDir()
			if engine == "redis" {
				flags["counters.url"] = countertest.StartRedis(t).URL
			}
			cfg, err := config.Load(config.Source{Flags: flags})
			if err != nil {
				t.Fatal(err)
			}
			for round := range 2 { // the secret is the same the second time
				a, err := open(t.Context(), cfg, Options{}, (*App).openTelemetry, (*App).openCounters)
				if err != nil {
					t.Fatal(err)
				}
				m, inMemory := a.counters.(*counter.Memory)
				if inMemory {
					if _, err := m.Load(); err != nil {
						t.Fatal(err)
					}
				}
				now := time.Now()
				got, err := a.counters.Count(t.Context(),
					[]counter.Add{{Counter: "met", Owner: "a", Element: string(rune('x' + round)), At: now, Keep: time.Hour}},
					[]counter.Read{{Counter: "met", Owner: "a", Window: time.Hour, At: now}})
				if err != nil || got[0] != float64(round+1) {
					t.Errorf("round %d: %v, %v", round, got, err)
				}
				if inMemory {
					if err := m.Save(1); err != nil {
						t.Fatal(err)
					}
				}
				if err := a.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
