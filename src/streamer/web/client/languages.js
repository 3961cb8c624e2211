/**
 * The words of a progress bar in other languages, each by the name that `lang` has for it.
 *
 * @module
 */

/** @import { Texts } from "./texts.js" */

/** @type {Texts} */
export const ko = {
  label: "진행률",
  connecting: "연결 중",
  idle: "시작 전",
  queued: "대기 중",
  running: "진행 중",
  retrying: "다시 시도 중",
  stalled: "응답 없음",
  completed: "완료",
  failed: "실패",
  cancelled: "취소됨",
  percent: "{n}%",
  attempt: "{n}번째 시도",
  live: "연결됨",
  polling: "연결됨(느림)",
  waiting: "연결이 끊겨 다시 연결 중",
  refused: "연결되지 않음",
  retry: "지금 다시 연결",
};

/** @type {Texts} */
export const zh = {
  label: "进度",
  connecting: "正在连接",
  idle: "尚未开始",
  queued: "等待中",
  running: "进行中",
  retrying: "正在重试",
  stalled: "无响应",
  completed: "已完成",
  failed: "失败",
  cancelled: "已取消",
  percent: "{n}%",
  attempt: "第 {n} 次尝试",
  live: "已连接",
  polling: "已连接（较慢）",
  waiting: "连接中断，正在重新连接",
  refused: "未连接",
  retry: "立即重新连接",
};
