/**
 * The words of notifications in other languages, each by the name that `lang` has for it.
 *
 * @module
 */

/** @import { NoticeTexts } from "./notices.js" */

/** @type {NoticeTexts} */
export const ko = {
  lang: "ko",
  label: "알림",
  unread: "읽지 않음 {n}개",
  isUnread: "읽지 않음",
  markAll: "모두 읽음으로 표시",
  more: "이전 알림 보기",
  none: "아직 알림이 없습니다.",
  loading: "불러오는 중",
  close: "닫기",
  waiting: "연결이 끊겨 다시 연결하는 중입니다.",
  refused: "연결되지 않았습니다.",
  retry: "지금 다시 시도",
  notices: {
    transcode_complete: "{title} 변환이 완료되었습니다.",
    transcode_failed: "{title} 변환에 실패했습니다: {error}",
  },
};

/** @type {NoticeTexts} */
export const zh = {
  lang: "zh",
  label: "通知",
  unread: "{n} 条未读",
  isUnread: "未读",
  markAll: "全部标为已读",
  more: "查看更早的通知",
  none: "暂无通知。",
  loading: "正在加载",
  close: "关闭",
  waiting: "连接中断，正在重新连接。",
  refused: "未连接。",
  retry: "立即重试",
  notices: {
    transcode_complete: "{title} 已转码完成。",
    transcode_failed: "{title} 转码失败：{error}",
  },
};
