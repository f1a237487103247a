package decide

import "context"

// SeeLess is what POST /v1/feeds/feedback does.
func (e *Engine) SeeLess(ctx context.Context, viewer, item string) error {
	return e.seeLess(ctx, viewer, item)
}
