// The calls of a payment's life and what every scenario expects of them.
// From the environment: BASE_URL (required), RATE (payments a second), SECONDS (how long).
import http from 'k6/http';
import exec from 'k6/execution';
import { check } from 'k6';
import { Rate, Trend } from 'k6/metrics';

const BASE_URL = (__ENV.BASE_URL || '').replace(/\/+$/, '');
const MERCHANTS = 1000;
const answersOk = http.expectedStatuses(200);
// The settlement worker may capture first; then the API answers 409, and that is no failure.
const answersOkOrTaken = http.expectedStatuses(200, 409);

export const durations = {
  authorize: new Trend('authorize_duration', true),
  capture: new Trend('capture_duration', true),
  refund: new Trend('refund_duration', true),
  full_flow: new Trend('full_flow_duration', true),
};
const paymentErrors = new Rate('payment_errors');

export function options({ rate, seconds, vus, thresholds }) {
  const perSecond = Number(__ENV.RATE || rate);
  return {
    scenarios: {
      payments: {
        executor: 'constant-arrival-rate',
        rate: perSecond,
        timeUnit: '1s',
        duration: `${Number(__ENV.SECONDS || seconds)}s`,
        preAllocatedVUs: Math.max(2, Math.ceil((perSecond * vus[0]) / rate)),
        maxVUs: Math.max(4, Math.ceil((perSecond * vus[1]) / rate)),
        gracefulStop: '5s',
      },
    },
    thresholds: { http_req_failed: ['rate<0.05'], payment_errors: ['rate<0.002'], ...thresholds },
  };
}

// What makes the idempotency keys of this run its own.
export function setup() {
  if (!BASE_URL) throw new Error('BASE_URL is not set');
  return { run: Date.now().toString(36) };
}

export function merchant(step = 1) {
  return `MERCHANT-${1 + step * Math.floor((Math.random() * MERCHANTS) / step)}`;
}

export function authorize(run, merchantId) {
  const idempotencyKey = `load-${run}-${exec.scenario.iterationInTest}`;
  const amount = 1000 + Math.floor(Math.random() * 99000);
  const body = { merchantId, amount, currency: 'KRW', idempotencyKey };
  const response = post('authorize', '/payments/authorize', body, answersOk);
  return settle(response, 'authorize', [200]) ? response.json('paymentId') : null;
}

export function capture(paymentId, merchantId) {
  const path = `/payments/capture/${paymentId}`;
  return settle(post('capture', path, { merchantId }, answersOkOrTaken), 'capture', [200, 409]);
}

export function refund(paymentId, merchantId) {
  const body = { merchantId, reason: 'load test' };
  return settle(post('refund', `/payments/refund/${paymentId}`, body, answersOk), 'refund', [200]);
}

function post(name, path, body, responseCallback) {
  return http.post(`${BASE_URL}${path}`, JSON.stringify(body), {
    headers: { 'Content-Type': 'application/json' },
    tags: { name },
    timeout: '10s',
    responseCallback,
  });
}

function settle(response, step, accepted) {
  durations[step].add(response.timings.duration);
  const ok = check(response, { [`${step} is answered`]: (r) => accepted.includes(r.status) });
  paymentErrors.add(!ok);
  return ok && response.status === 200;
}
