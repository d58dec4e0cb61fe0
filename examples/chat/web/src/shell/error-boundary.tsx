import { Component, type ReactNode } from 'react';

interface Props {
  readonly children: ReactNode;
}

/** Shown when a component throws; React has no hook for it. */
export class ErrorBoundary extends Component<Props, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <main className="crash" role="alert">
        <h1>Something broke on this page</h1>
        <p>Your messages are safe on the server. Loading the page again usually helps.</p>
        <button
          type="button"
          className="button button--primary"
          onClick={() => window.location.reload()}
        >
          Load again
        </button>
      </main>
    );
  }
}
