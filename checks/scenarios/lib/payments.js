// The calls of a payment's life and what every scenario expects of them.
// From the environment: BASE_URL (required), RATE (payments a second), SECONDS (how long),
// VUS (at most), ENABLE_CAPTURE and ENABLE_REFUND (true or false; a refund needs its capture).
import http from 'k6/http';
import exec from 'k6/execution';
import { check } from 'k6';
import { Rate, Trend } from 'k6/metrics';

const BASE_URL = (__ENV.BASE_URL || '').replace(/\/+$/, '');
const MERCHANTS = 1000;
const answersOk = http.expectedStatuses(200);
// The settlement worker may capture first; then the API answers 409, and that is no failure.
const answersOkOrTaken = http.expectedStatuses(200, 409);

const fullFlow = new Trend('full_flow_duration', true);
const paymentErrors = new Rate('payment_errors');
// The platform says 409 for both: with the payment's id the key was used before, without it the
// payment gateway refused, or its breaker is open.
const pgRefused = new Rate('pg_refused');
const duplicates = new Rate('duplicate_requests');

// The steps of a payment that a scenario goes through, as far as they are not switched off.
export function stepsOf(scenario) {
  const wanted = (name, usual) => (__ENV[name] ? __ENV[name] === 'true' : usual);
  const capture = wanted('ENABLE_CAPTURE', scenario.includes('capture'));
  return { capture, refund: capture && wanted('ENABLE_REFUND', scenario.includes('refund')) };
}

export function options({ rate, seconds, vus, p95, steps }) {
  const perSecond = Number(__ENV.RATE || rate);
  const vusMax = Number(__ENV.VUS || Math.max(4, Math.ceil((perSecond * vus[1]) / rate)));
  const told = ['authorize', steps.capture && 'capture', steps.refund && 'refund'];
  const thresholds = { http_req_failed: ['rate<0.05'], payment_errors: ['rate<0.002'] };
  thresholds.http_req_duration = [`p(95)<${p95.all}`];
  told.filter(Boolean).forEach((name) => {
    thresholds[`http_req_duration{name:${name}}`] = [`p(95)<${p95[name]}`];
  });
  return {
    scenarios: {
      payments: {
        executor: 'constant-arrival-rate',
        rate: perSecond,
        timeUnit: '1s',
        duration: `${Number(__ENV.SECONDS || seconds)}s`,
        preAllocatedVUs: Math.min(vusMax, Math.max(2, Math.ceil((perSecond * vus[0]) / rate))),
        maxVUs: vusMax,
        gracefulStop: '5s',
      },
    },
    thresholds,
  };
}

// What makes the idempotency keys of this run its own.
export function setup() {
  if (!BASE_URL) throw new Error('BASE_URL is not set');
  return { run: Date.now().toString(36) };
}

export function pay(run, steps) {
  const merchantId = merchant();
  const startedAt = Date.now();
  const paymentId = authorize(run, merchantId);
  if (paymentId === null || !steps.capture) return;
  const isCaptured = capture(paymentId, merchantId);
  if (!isCaptured || !steps.refund) return;
  if (refund(paymentId, merchantId)) fullFlow.add(Date.now() - startedAt);
}

// Merchants of odd and of even numbers live on different shards: each has every second payment.
function merchant() {
  const shard = exec.scenario.iterationInTest % 2;
  return `MERCHANT-${1 + shard + 2 * Math.floor((Math.random() * MERCHANTS) / 2)}`;
}

function authorize(run, merchantId) {
  const idempotencyKey = `load-${run}-${exec.scenario.iterationInTest}`;
  const amount = 1000 + Math.floor(Math.random() * 99000);
  const body = { merchantId, amount, currency: 'KRW', idempotencyKey };
  const response = post('authorize', '/payments/authorize', body, answersOk);
  const id = paymentIdOf(response);
  pgRefused.add(response.status === 409 && id === null);
  duplicates.add(response.status === 409 && id !== null);
  return settle(response, 'authorize', [200]) ? id : null;
}

function capture(paymentId, merchantId) {
  const path = `/payments/capture/${paymentId}`;
  return settle(post('capture', path, { merchantId }, answersOkOrTaken), 'capture', [200, 409]);
}

function refund(paymentId, merchantId) {
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

function paymentIdOf(response) {
  try {
    const id = response.json('paymentId');
    return id === undefined ? null : id;
  } catch (_) {
    return null; // no JSON, or no body at all
  }
}

function settle(response, step, accepted) {
  const ok = check(response, { [`${step} is answered`]: (r) => accepted.includes(r.status) });
  paymentErrors.add(!ok);
  return ok && response.status === 200;
}
