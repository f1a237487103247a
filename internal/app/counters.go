package app

import (
	"context"
	"path/filepath"

	"github.com/breakwater-project/breakwater/internal/counter"
)

// openCounters opens what counts: in this process, with a snapshot in the data
// folder, or in a Redis that several processes share.
func (a *App) openCounters(context.Context) error {
	secret, err := a.secret("counter")
	if err != nil {
		return err
	}
	metrics := counter.NewMetrics(a.watch.Metrics) // 0 in memory, so that an alarm need not ask for the engine
	c := &a.cfg.Counters
	if c.Engine == "redis" {
		r, err := counter.OpenRedis(counter.RedisOptions{
			URL: c.URL.Reveal(), Secret: secret, Timeout: c.Timeout, Keep: c.Keep,
			Now: a.options.Now, Log: a.watch.Log, Metrics: metrics,
		})
		if err != nil {
			return err
		}
		a.counters = r
		a.onClose(r.Close)
		return nil
	}
	m, err := counter.OpenMemory(counter.MemoryOptions{
		Secret: secret, Bytes: int64(c.Memory), Path: filepath.Join(a.cfg.Data, "counts"), Now: a.options.Now,
	})
	if err != nil {
		return err
	}
	m.Observe(a.watch.Metrics)
	a.counters = m
	a.onClose(m.Close)
	return nil
}
