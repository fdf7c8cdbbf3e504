-- The tables of one shard, as domain.md describes the platform's; read at each start of a shard.
CREATE DATABASE IF NOT EXISTS paydb CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

CREATE TABLE IF NOT EXISTS paydb.payment (
  payment_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  merchant_id VARCHAR(32) NOT NULL,
  amount BIGINT NOT NULL CHECK (amount > 0),
  currency CHAR(3) NOT NULL,
  status VARCHAR(50) NOT NULL,
  idempotency_key VARCHAR(64) NOT NULL,
  requested_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  UNIQUE KEY uk_idem (merchant_id, idempotency_key),
  KEY ix_status_time (status, requested_at),
  KEY ix_merchant_time (merchant_id, requested_at)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS paydb.ledger_entry (
  entry_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  payment_id BIGINT NOT NULL,
  debit_account VARCHAR(64) NOT NULL,
  credit_account VARCHAR(64) NOT NULL,
  amount BIGINT NOT NULL,
  occurred_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  KEY ix_payment_time (payment_id, occurred_at),
  CONSTRAINT fk_ledger_payment FOREIGN KEY (payment_id) REFERENCES paydb.payment (payment_id)
    ON DELETE CASCADE
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS paydb.outbox_event (
  event_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  aggregate_type VARCHAR(32) NOT NULL,
  aggregate_id BIGINT NOT NULL,
  event_type VARCHAR(32) NOT NULL,
  payload JSON NOT NULL,
  published TINYINT(1) NOT NULL DEFAULT 0,
  published_at TIMESTAMP(3) NULL DEFAULT NULL,
  retry_count INT NOT NULL DEFAULT 0,
  last_retry_at TIMESTAMP(3) NULL DEFAULT NULL,
  created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  KEY ix_pub_created (published, created_at)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS paydb.settlement_request (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  payment_id BIGINT NOT NULL,
  request_amount DECIMAL(15,2) NOT NULL,
  status VARCHAR(32) NOT NULL,
  pg_transaction_id VARCHAR(64) NULL,
  pg_response_code VARCHAR(10) NULL,
  pg_response_message VARCHAR(255) NULL,
  retry_count INT NOT NULL DEFAULT 0,
  last_retry_at TIMESTAMP(3) NULL DEFAULT NULL,
  requested_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  completed_at TIMESTAMP(3) NULL DEFAULT NULL,
  KEY ix_settlement_payment (payment_id),
  KEY ix_settlement_status (status, requested_at)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS paydb.refund_request (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  payment_id BIGINT NOT NULL,
  refund_amount DECIMAL(15,2) NOT NULL,
  refund_reason VARCHAR(255) NULL,
  status VARCHAR(32) NOT NULL,
  pg_cancel_transaction_id VARCHAR(64) NULL,
  pg_response_code VARCHAR(10) NULL,
  pg_response_message VARCHAR(255) NULL,
  retry_count INT NOT NULL DEFAULT 0,
  last_retry_at TIMESTAMP(3) NULL DEFAULT NULL,
  requested_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  completed_at TIMESTAMP(3) NULL DEFAULT NULL,
  KEY ix_refund_payment (payment_id),
  KEY ix_refund_status (status, requested_at)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS paydb.idem_response_cache (
  merchant_id VARCHAR(32) NOT NULL,
  idempotency_key VARCHAR(64) NOT NULL,
  http_status INT NOT NULL,
  response_body JSON NOT NULL,
  created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (merchant_id, idempotency_key)
) ENGINE=InnoDB;

