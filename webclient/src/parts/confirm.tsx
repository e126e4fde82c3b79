import { lazy, Suspense } from 'react';
import { create } from 'zustand';

import type { Question } from './question';

const useQuestion = create<{ question: Question | null; answer: (value: string | null) => void }>()(
  () => ({ question: null, answer: () => undefined }),
);

/** Asks; resolves to whether the person said yes. */
export async function confirm(question: Omit<Question, 'input'>): Promise<boolean> {
  return (await ask(question)) !== null;
}

/** Asks for a text; null when the person said no. */
export function ask(question: Question): Promise<string | null> {
  return new Promise((resolve) => {
    useQuestion.getState().answer(null);
    useQuestion.setState({
      question,
      answer: (value) => {
        useQuestion.setState({ question: null, answer: () => undefined });
        resolve(value);
      },
    });
  });
}

const Asking = lazy(() => import('./Asking').then((module) => ({ default: module.Asking })));

/** Placed once beside the routes. */
export function ConfirmHost() {
  const { question, answer } = useQuestion();
  return (
    <Suspense fallback={null}>
      {question && <Asking key={question.title} question={question} answer={answer} />}
    </Suspense>
  );
}
